"""Which profiles fit a machine, why or why not, and the best one for what a model needs (see docs/profiles.md).

The drivers are those of NVIDIA's table of minimum versions for CUDA minor version compatibility, in the release notes
of the CUDA Toolkit (https://docs.nvidia.com/cuda/cuda-toolkit-release-notes/).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from envyard.errors import ProfileNotFound
from envyard.hardware import Hardware, capability_text
from envyard.profile import BACKENDS, Profile, accelerator_title

MINIMUM_DRIVERS = {"11": ("450.80.02", "452.39"), "12": ("525.60.13", "528.33"), "13": ("580.65.06", "580")}
"""CUDA major version -> the oldest driver on Linux and on Windows; for profiles that do not say."""

_HERE = {"cuda": "an NVIDIA GPU", "rocm": "an AMD GPU", "mps": "an Apple GPU", "cpu": "no GPU that can be used"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Match:
    """Whether a profile fits: `reasons` say why, or why not; `warnings` what was not certain.

    `near`: it would fit but for the compute capability, which it does not list.
    """

    profile: Profile
    fits: bool
    reasons: tuple[str, ...]
    warnings: tuple[str, ...] = ()
    near: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """The profile for a need. `warnings` say in what it is less than one could wish; `others` are all other matches."""

    profile: Profile
    reasons: tuple[str, ...]
    warnings: tuple[str, ...] = ()
    others: tuple[Match, ...] = ()


def matches(profile: Profile, hardware: Hardware, platform: str) -> Match:
    """Whether an environment of `profile` can run on `hardware` under `platform`, such as `linux-x86_64`."""
    serves, good, bad, warnings = profile.serves, list[str](), list[str](), list[str]()
    near = False
    if serves.platforms:
        words = f"serves {', '.join(serves.platforms)}"
        if platform in serves.platforms:
            good.append(words)
        else:
            bad.append(f"{words}; this is {platform}")
    wanted = _kind(serves.accelerator)
    if wanted == "cpu":
        good.append("runs on every CPU")
    elif wanted != hardware.kind:
        here = _HERE[hardware.kind]
        bad.append(f"needs {accelerator_title(serves.accelerator)}; this machine has {here}")
    else:
        good.append(f"{accelerator_title(serves.accelerator)} is here")
    if wanted == "cuda" == hardware.kind:
        objection = _driver_objection(profile, hardware, platform, good, warnings)
        bad += [objection] if objection else []
        objection = _capability_objection(profile, hardware, good, warnings)
        near = bool(objection) and not bad
        bad += [objection] if objection else []
    return Match(profile=profile, fits=not bad, reasons=tuple(bad or good), warnings=tuple(warnings), near=near)


def choose_profile(
    profiles: Sequence[Profile], backend: str, quantization: str, hardware: Hardware, platform: str
) -> Choice:
    """The best profile for a model that needs `backend` and `quantization` ("" for none).

    Preferred: a profile that lists the GPU's compute capability before the one with the nearest lower; the machine's
    accelerator before the CPU; the very quantization before more than is needed; the newer CUDA; the first by key.
    Raises `ProfileNotFound`, with the reason for each profile.
    """
    found = [matches(profile, hardware, platform) for profile in profiles if profile.serves.backend == backend]
    able = [match for match in found if _can_run(match.profile, quantization)]
    candidates = [match for match in able if match.fits] + _nearest(able, hardware)
    if not candidates:
        raise _none_fits(profiles, backend, quantization, able or found)
    best = min(candidates, key=lambda match: _order(match, quantization))
    warnings = [*best.warnings]
    if best.profile.serves.accelerator == "cpu" and hardware.kind != "cpu":
        reasons = [match for match in able if match.profile is not best.profile and not match.fits]
        why = (
            "; ".join(f"{match.profile.key}: {match.reasons[0]}" for match in reasons) or "no profile for this uses it"
        )
        warnings.append(f"runs on the CPU although there is a GPU ({why})")
    return Choice(
        profile=best.profile,
        reasons=best.reasons,
        warnings=tuple(warnings),
        others=tuple(match for match in found if match.profile is not best.profile),
    )


def _kind(accelerator: str) -> str:
    """The kind of hardware that an accelerator needs."""
    if accelerator.startswith("cu"):
        return "cuda"
    return "rocm" if accelerator.startswith("rocm") else accelerator


def _driver_objection(profile: Profile, hardware: Hardware, platform: str, good: list[str], warnings: list[str]) -> str:
    serves = profile.serves
    on_windows = platform.startswith("windows")
    default = MINIMUM_DRIVERS.get(serves.accelerator[2:-1], ("", ""))[on_windows]
    minimum = (serves.minimum_driver_windows if on_windows else serves.minimum_driver) or default
    if not minimum:
        return ""
    if not hardware.driver:
        warnings.append(f"the driver is not known; {minimum} or newer is needed")
        return ""
    if _version(hardware.driver) < _version(minimum):
        return f"needs driver {minimum} or newer; this is {hardware.driver}"
    good.append(f"driver {hardware.driver} is {minimum} or newer")
    return ""


def _capability_objection(profile: Profile, hardware: Hardware, good: list[str], warnings: list[str]) -> str:
    listed, here = profile.serves.compute_capabilities, hardware.capability
    if not listed:
        return ""
    words = f"serves compute capability {', '.join(map(capability_text, listed))}"
    if here is None:
        return f"{words}; that of the GPU is not known"
    if here not in listed:
        return f"{words}; this is {capability_text(here)}"
    good.append(f"{words}, and this is {capability_text(here)}")
    newer = sorted({gpu.capability for gpu in hardware.gpus if gpu.capability and gpu.capability[0] > listed[-1][0]})
    if newer:
        others = ", ".join(map(capability_text, newer))
        warnings.append(
            f"the GPUs of compute capability {others} are newer than what {profile.key} is made for; "
            "`CUDA_VISIBLE_DEVICES` can leave them out"
        )
    return ""


def _nearest(able: Sequence[Match], hardware: Hardware) -> list[Match]:
    """Where no profile lists the GPU's compute capability: those with the nearest lower one.

    Where it is not known: those with the lowest of all.
    """
    here = hardware.capability
    if hardware.kind != "cuda" or any(
        match.fits and _kind(match.profile.serves.accelerator) == "cuda" for match in able
    ):
        return []
    near = [match for match in able if match.near]
    if here is None:
        lowest = min((match.profile.serves.compute_capabilities[0] for match in near), default=None)
        chosen = [match for match in near if match.profile.serves.compute_capabilities[0] == lowest]
        why = "the compute capability of the GPU is not known: this is the profile for the lowest"
    else:
        lower = [each for match in near for each in match.profile.serves.compute_capabilities if each < here]
        nearest = max(lower, default=None)
        chosen = [match for match in near if nearest in match.profile.serves.compute_capabilities]
        below = capability_text(nearest) if nearest else ""
        why = f"{_why_none(able, here)}: this one is for {below}, the nearest lower"
        if nearest is not None and nearest[0] != here[0]:
            why += "; its libraries may have no code for this GPU"  # binaries run within one major version only
    return [replace(match, fits=True, near=True, reasons=(why,), warnings=(*match.warnings, why)) for match in chosen]


def _why_none(able: Sequence[Match], here: tuple[int, int]) -> str:
    """Why no profile that lists the compute capability can be taken."""
    listing = [match for match in able if here in match.profile.serves.compute_capabilities]
    if not listing:
        return f"no profile lists compute capability {capability_text(here)}"
    return f"{listing[0].profile.key} {', '.join(listing[0].reasons)}"


def _can_run(profile: Profile, quantization: str) -> bool:
    own = profile.serves.quantization
    return not quantization or quantization == own or quantization in BACKENDS[profile.serves.backend].built_in


def _order(match: Match, quantization: str) -> tuple[bool, int, int, str]:
    serves = match.profile.serves
    surplus = 0 if serves.quantization == quantization else 1 if not serves.quantization else 2
    version = int("".join(each for each in serves.accelerator if each.isdecimal()) or 0)
    return (serves.accelerator == "cpu", surplus, -version, match.profile.key)


def _none_fits(profiles: Sequence[Profile], backend: str, quantization: str, able: Sequence[Match]) -> ProfileNotFound:
    need = f"{BACKENDS[backend].title if backend in BACKENDS else backend}"
    need += f" with {quantization}" if quantization else ""
    details = [f"{match.profile.key}: {'; '.join(match.reasons)}" for match in able]
    if not details:
        details = [f"no profile serves the backend `{backend}`"]
    elif not any(_can_run(match.profile, quantization) for match in able):
        details = [f"no profile serves `{backend}` with `{quantization}`"]
    if not profiles:
        details = ["the workspace has no profiles"]
    return ProfileNotFound(
        f"no profile can run {need} on this machine",
        details=details,
        hint="run `invoke profiles.detect` to see what was found of the machine, or name a profile",
    )


def _version(text: str) -> tuple[int, ...]:
    """A driver's version in comparable form: `525.60.13`; what is left out counts as 0."""
    numbers = [int(part) for part in text.split(".") if part.isdecimal()]
    return tuple([*numbers, 0, 0, 0][:3])
