"""What is found of a machine: a real program `nvidia-smi` or `rocminfo` on PATH, with the words of many machines."""

from __future__ import annotations

from pathlib import Path

import pytest
from kit.gpus import Answer, install_nvidia_smi, install_program, path_with

from envyard.errors import UsageError
from envyard.hardware import Hardware, detect_hardware, resolve_hardware
from envyard.nvidia import Gpu, find_nvidia, visible

ADA = {"name": "NVIDIA GeForce RTX 4090", "memory.total": "24564", "compute_cap": "8.9"}
AMPERE = {"name": "NVIDIA GeForce RTX 3060", "memory.total": "12288", "compute_cap": "8.6"}


@pytest.fixture
def programs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder at the head of PATH."""
    folder = tmp_path / "programs"
    folder.mkdir()
    monkeypatch.setenv("PATH", path_with(folder))
    return folder


@pytest.fixture
def bare(programs: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that is all of PATH, so that the real tools of this machine are not found."""
    monkeypatch.setenv("PATH", str(programs))
    monkeypatch.setattr("envyard.nvidia._PROGRAMS", ("nvidia-smi",))
    return programs


# --- NVIDIA


def test_one_gpu_is_described(bare: Path) -> None:
    install_nvidia_smi(bare, [ADA], driver="550.54.15", cuda="12.4")
    assert detect_hardware() == Hardware(
        kind="cuda",
        gpus=(
            Gpu(index=0, name="NVIDIA GeForce RTX 4090", uuid="GPU-00000000", capability=(8, 9), memory=24564 << 20),
        ),
        driver="550.54.15",
        cuda="12.4",
    )


@pytest.mark.parametrize(
    ("name", "unknown", "capability"),
    [
        pytest.param("Tesla T4", ("compute_cap",), (7, 5), id="driver 470, Turing"),
        pytest.param("Tesla V100-SXM2-16GB", ("compute_cap", "mig.mode.current"), (7, 0), id="driver 418, Volta"),
        pytest.param("GeForce GTX 1080 Ti", ("compute_cap", "mig.mode.current"), (6, 1), id="driver 390, Pascal"),
        pytest.param("NVIDIA A100-SXM4-80GB", ("compute_cap",), (8, 0), id="A100"),
        pytest.param("NVIDIA A10", ("compute_cap",), (8, 6), id="A10"),
        pytest.param("NVIDIA GeForce RTX 3090", ("compute_cap",), (8, 6), id="RTX 30"),
        pytest.param("NVIDIA H100 80GB HBM3", ("compute_cap",), (9, 0), id="H100"),
        pytest.param("NVIDIA L4", ("compute_cap",), (8, 9), id="L4"),
        pytest.param("Quadro RTX 6000", ("compute_cap",), (7, 5), id="Quadro RTX"),
        pytest.param("Quadro K620", ("compute_cap",), None, id="not known"),
    ],
)
def test_an_old_driver_is_asked_for_less_and_the_name_tells_the_rest(
    bare: Path, name: str, unknown: tuple[str, ...], capability: tuple[int, int] | None
) -> None:
    install_nvidia_smi(bare, [{"name": name, "memory.total": "16160"}], driver="418.87.00", unknown=unknown)
    found = detect_hardware()
    assert found.gpus[0].capability == found.capability == capability
    assert found.driver == "418.87.00"
    assert found.cuda == ""
    assert any("compute capability is not known" in one for one in found.warnings) == (capability is None)


@pytest.mark.parametrize("word", ["[N/A]", "N/A", "[Not Supported]", "[Unknown Error]", "ERR!", ""])
def test_what_is_not_available_is_not_known(bare: Path, word: str) -> None:
    gpu = {"name": "NVIDIA GH200 480GB", "memory.total": word, "compute_cap": word, "mig.mode.current": word}
    install_nvidia_smi(bare, [gpu], driver="535.161.08")
    (found,) = detect_hardware().gpus
    assert (found.memory, found.parts, found.capability) == (0, False, (9, 0))


def test_gpus_that_differ_count_as_the_lowest_and_that_is_said(bare: Path) -> None:
    install_nvidia_smi(bare, [ADA, AMPERE], driver="550.54.15")
    found = detect_hardware()
    assert found.capability == (8, 6)
    assert found.warnings == ("2 GPUs with compute capability 8.6, 8.9: the lowest is what they share, 8.6 counts",)


def test_one_gpu_that_is_not_known_makes_the_shared_capability_unknown(bare: Path) -> None:
    install_nvidia_smi(bare, [ADA, {"name": "Strange"}], driver="550.54.15")
    found = detect_hardware()
    assert found.capability is None
    assert "not known of Strange" in found.warnings[0]


def test_a_gpu_in_parts_is_told(bare: Path) -> None:
    gpu = {"name": "NVIDIA A100", "compute_cap": "8.0", "memory.total": "81920", "mig.mode.current": "Enabled"}
    install_nvidia_smi(bare, [gpu], driver="550.54.15")
    found = detect_hardware()
    assert found.gpus[0].parts
    assert "split by MIG" in found.warnings[0]


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        pytest.param(
            Answer(out="No devices were found\n", code=6), "installed, but finds no GPU", id="no devices, new driver"
        ),
        pytest.param(Answer(out="No devices were found\n"), "installed, but finds no GPU", id="no devices, old driver"),
        pytest.param(
            Answer(out="NVIDIA-SMI has failed because it couldn't communicate with the NVIDIA driver.\n", code=9),
            "does not work: NVIDIA-SMI has failed",
            id="no driver",
        ),
        pytest.param(
            Answer(out="Failed to initialize NVML: Driver/library version mismatch\nNVML library: 550\n", code=18),
            "updated while it was in use; restart",
            id="driver updated",
        ),
        pytest.param(Answer(code=127, err="libnvidia-ml.so: not found\n"), "libnvidia-ml.so", id="library missing"),
        pytest.param(Answer(code=0), "nvidia-smi ended with 0", id="silence"),
        pytest.param(Answer(out="<html>\n"), "was not understood: <html>", id="another program"),
    ],
)
def test_a_driver_that_does_not_work_is_a_warning_and_no_gpu(bare: Path, answer: Answer, words: str) -> None:
    install_program(bare, "nvidia-smi", [answer])
    found = detect_hardware()
    assert found.kind == "cpu"
    assert len(found.warnings) == 1
    assert words in found.warnings[0]


def test_a_driver_that_never_answers_costs_the_time_allowed_and_a_warning(bare: Path) -> None:
    install_program(bare, "nvidia-smi", [Answer(hang=True)])
    found = detect_hardware(0.5)
    assert found.kind == "cpu"
    assert "could not be asked" in found.warnings[0]
    assert "did not end within 0.5 seconds" in found.warnings[0]


def test_a_hanging_header_costs_only_the_version_of_cuda(bare: Path) -> None:
    line = "0, GPU-0, NVIDIA L4, 550.54.15, 23034, 8.9, [N/A]\n"
    install_program(bare, "nvidia-smi", [Answer(words=("--query-gpu",), out=line), Answer(hang=True)])
    found = detect_hardware(2)
    assert (found.kind, found.capability, found.cuda) == ("cuda", (8, 9), "")


def test_a_program_that_cannot_be_started_is_a_warning(bare: Path) -> None:
    (bare / "nvidia-smi").write_text("no program")
    (bare / "nvidia-smi").chmod(0o755)
    assert "could not be asked" in find_nvidia().warnings[0]


def test_no_program_is_no_gpu_and_no_warning(bare: Path) -> None:
    assert detect_hardware() == Hardware()


# --- CUDA_VISIBLE_DEVICES


@pytest.mark.parametrize(
    ("value", "indexes"),
    [
        ("0,1,2", (0, 1, 2)),
        ("1", (1,)),
        (" 2 , 0 ", (2, 0)),
        ("", ()),
        ("-1", ()),
        ("1,-1,0", (1,)),
        ("0,9,1", (0,)),
        ("NoDevFiles", ()),
        ("GPU-bbb", (1,)),
        ("gpu-BBB,0", (1, 0)),
        ("GPU-", ()),
        ("MIG-111", (2,)),
        ("MIG-GPU-bbb2/1/0", (1,)),
        ("MIG-999", ()),
    ],
)
def test_visible_devices_are_read_as_cuda_does(value: str, indexes: tuple[int, ...]) -> None:
    gpus = [Gpu(index=number, name="x", uuid=uuid) for number, uuid in enumerate(["GPU-aaa1", "GPU-bbb2", "GPU-ccc3"])]
    assert tuple(gpu.index for gpu in visible(gpus, value, [("MIG-1111", 2), ("MIG-2222", 0)])) == indexes


def test_hidden_gpus_do_not_count(bare: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    install_nvidia_smi(bare, [AMPERE, ADA], driver="550.54.15")
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "1")
    monkeypatch.setenv("CUDA_DEVICE_ORDER", "PCI_BUS_ID")
    found = detect_hardware()
    assert found.capability == (8, 9)
    assert found.warnings == ("`CUDA_VISIBLE_DEVICES=1` leaves 1 of 2 GPUs",)


def test_the_order_of_indexes_is_doubted_where_gpus_differ(bare: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    install_nvidia_smi(bare, [AMPERE, ADA], driver="550.54.15")
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "1")
    assert any("CUDA_DEVICE_ORDER" in one for one in detect_hardware().warnings)


def test_all_gpus_hidden_is_a_machine_without(bare: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    install_nvidia_smi(bare, [ADA], driver="550.54.15")
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    found = detect_hardware()
    assert (found.kind, found.gpus) == ("cpu", ())
    assert "leaves 0 of 1 GPUs" in found.warnings[0]


def test_a_part_of_a_gpu_is_found_by_its_identity(bare: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    parts = "  MIG 1g.10gb     Device  0: (UUID: MIG-5c89852c-0f4e)\n"
    gpu = {"name": "NVIDIA H100", "compute_cap": "9.0", "mig.mode.current": "Enabled", "parts": parts}
    install_nvidia_smi(bare, [ADA, gpu], driver="550.54.15")
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "MIG-5c89852c-0f4e")
    assert detect_hardware().capability == (9, 0)


# --- AMD

ROCMINFO = """\
ROCk module is loaded
=====================
HSA System Attributes
=====================
Runtime Version:         1.13
==========
HSA Agents
==========
*******
Agent 1
*******
  Name:                    AMD EPYC 7713
  Uuid:                    CPU-XX
  Marketing Name:          AMD EPYC 7713
  Device Type:             CPU
*******
Agent 2
*******
  Name:                    gfx90a
  Uuid:                    GPU-1234567890abcdef
  Marketing Name:          AMD Instinct MI210
  Vendor Name:             AMD
  Device Type:             GPU
  Pool Info:
    Pool 1
      Segment:                 GLOBAL; FLAGS: COARSE GRAINED
      Size:                    67092480(0x3ffc000) KB
"""


def test_an_amd_gpu_is_found(bare: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    install_program(bare, "rocminfo", [Answer(out=ROCMINFO)])
    (tmp_path / "rocm" / ".info").mkdir(parents=True)
    (tmp_path / "rocm" / ".info" / "version").write_text("6.1.2-90\n")
    monkeypatch.setenv("ROCM_PATH", str(tmp_path / "rocm"))
    found = detect_hardware()
    assert (found.kind, found.rocm) == ("rocm", "6.1")
    assert found.gpus == (
        Gpu(
            index=0,
            name="AMD Instinct MI210",
            uuid="GPU-1234567890abcdef",
            memory=67092480 << 10,
            architecture="gfx90a",
        ),
    )


def test_a_rocm_that_does_not_work_is_a_warning(bare: Path) -> None:
    install_program(bare, "rocminfo", [Answer(out="ROCk module is NOT loaded, possibly no GPU devices\n", code=1)])
    found = detect_hardware()
    assert found.kind == "cpu"
    assert found.warnings == ("ROCm does not work: ROCk module is NOT loaded, possibly no GPU devices",)


# --- Apple


def test_an_apple_chip_is_found(bare: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    install_program(bare, "sysctl", [Answer(out="Apple M2 Pro\n34359738368\n")])
    monkeypatch.setattr("platform.system", lambda: "Darwin")
    monkeypatch.setattr("platform.machine", lambda: "arm64")
    found = detect_hardware()
    assert (found.kind, found.gpus) == ("mps", (Gpu(index=0, name="Apple M2 Pro", memory=34359738368),))


# --- said


@pytest.mark.parametrize(
    ("text", "kind", "capability", "driver"),
    [
        ("cpu", "cpu", None, ""),
        ("mps", "mps", None, ""),
        ("CUDA:8.9", "cuda", (8, 9), ""),
        (" cuda:12.0:570.26 ", "cuda", (12, 0), "570.26"),
        ("cuda", "cuda", None, ""),
        ("rocm:6.1", "rocm", None, ""),
    ],
)
def test_what_is_said_goes_before_what_is_there(
    bare: Path, text: str, kind: str, capability: tuple[int, int] | None, driver: str
) -> None:
    install_program(bare, "nvidia-smi", [Answer(hang=True)])  # is not even asked
    found = resolve_hardware(text)
    assert (found.kind, found.capability, found.driver, found.source) == (kind, capability, driver, "--hardware")


def test_option_then_variable_then_workspace(bare: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert resolve_hardware("", "mps").source == "workspace.toml"
    monkeypatch.setenv("ENVYARD_HARDWARE", "cuda:8.0")
    assert (resolve_hardware("", "mps").source, resolve_hardware("", "mps").kind) == ("ENVYARD_HARDWARE", "cuda")
    assert resolve_hardware("cpu", "mps").source == "--hardware"
    assert resolve_hardware("auto", "mps") == Hardware()


@pytest.mark.parametrize(
    "text", ["gpu", "cuda:89", "cuda:8.9:", "rtx4090", "cpu:1", "cuda:8.9:550.54; rm", "cuda:\u0668.9"]
)
def test_a_word_that_says_nothing_is_refused(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    monkeypatch.setenv("ENVYARD_HARDWARE", text)
    with pytest.raises(UsageError, match=r"`ENVYARD_HARDWARE` says .* is no hardware"):
        resolve_hardware()
