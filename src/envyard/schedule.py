"""The order in which many environments are built.

One environment's failure never stops the others. The stages are shaped by two facts: a warm cache makes an offline
install a matter of a second, and cold parallel installs waste time and disk. So every environment is first built
offline; those that lack something wait until one common fetch has brought it; then they install offline again.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from functools import partial

from envyard.check import Checked
from envyard.errors import EnvyardError
from envyard.events import Listener, Phase, Warned
from envyard.fetch import fetch, fetch_lock
from envyard.fileoptions import option_lines
from envyard.installers.cache import cache_device_warning
from envyard.interrupts import first_finished
from envyard.job import Job
from envyard.outcome import Options, Outcome
from envyard.process import Cancellation
from envyard.store import Store

_AT_A_TIME = 8


def build_all(
    store: Store, checked: Sequence[Checked], options: Options, listener: Listener, cancellation: Cancellation
) -> tuple[Outcome, ...]:
    """Build what was found to be missing or outdated; an outcome each, in their order. Raises `Cancelled`."""
    jobs = [Job(store, one, options, listener, cancellation) for one in checked]
    try:
        store.prepare()
    except EnvyardError as error:
        for job in jobs:
            job.fail(error)
        return tuple(job.outcome() for job in jobs)
    warning = cache_device_warning(store.root)
    if warning:
        listener(Warned(key="", message=warning))
    workers = options.jobs or min(_AT_A_TIME, len(jobs))
    try:
        # Waiting for another process takes no worker from those that can build now.
        with ThreadPoolExecutor(len(jobs) + workers, thread_name_prefix="envyard") as pool:
            try:
                _run_stages(store, jobs, workers, pool, cancellation)
            except BaseException:
                cancellation.cancel()
                raise
    finally:
        # only now, when no thread works any more, may locks be released and half-built generations go
        for job in jobs:
            job.close()
    cancellation.check()
    return tuple(job.outcome() for job in jobs)


def _run_stages(
    store: Store, jobs: Sequence[Job], workers: int, pool: ThreadPoolExecutor, cancellation: Cancellation
) -> None:
    for job in jobs:
        job.attempt(job.try_lock)
    free = [job for job in jobs if job.locked]
    busy = [job for job in jobs if not job.done and not job.locked]
    waiting = [pool.submit(_wait_and_build, store, job, cancellation) for job in busy]
    _in_parallel(pool, [partial(job.attempt, job.build_offline) for job in free], workers, cancellation)
    lacking = [job for job in free if not job.done]
    if lacking:
        _fetch_for(store, lacking, cancellation)
        _in_parallel(pool, [partial(job.attempt, job.build_fetched) for job in lacking], workers, cancellation)
    others = set(waiting)
    while others:
        finished, others = first_finished(others)
        for future in finished:
            future.result()
        cancellation.check()


def _wait_and_build(store: Store, job: Job, cancellation: Cancellation) -> None:
    """The whole way of an environment that another process is building, in a thread of its own."""
    job.attempt(job.wait_and_build_offline)
    if not job.done:
        _fetch_for(store, [job], cancellation)
        job.attempt(job.build_fetched)


def _fetch_for(store: Store, jobs: Sequence[Job], cancellation: Cancellation) -> None:
    """One common fetch for all with the same interpreter, torch backend, indexes and options, whose pins are known.

    A failure here is not reported: it does not tell whose package it was. The build that needs the package fails with
    its own name when it installs online.
    """
    groups: dict[tuple[str, str, tuple[str, ...], tuple[str, ...]], list[Job]] = {}
    for job in jobs:
        if job.pins_file is not None:
            definition = job.definition
            options = tuple(option_lines(definition))
            source = (job.interpreter.executable, definition.torch_backend, definition.indexes, options)
            groups.setdefault(source, []).append(job)
    work = replace(jobs[0].work, key="")
    for group in groups.values():
        for job in group:
            job.tell_phase(Phase.FETCH)
            job.lock.write_intent(phase=Phase.FETCH)
        with fetch_lock(store, work) as descriptors:
            inherited = tuple(fd for job in group for fd in job.lock.descriptors)
            waiting = tuple(job.definition.key for job in group)
            shared = replace(work, pass_fds=(*descriptors, *inherited), waiting=waiting)
            try:
                first = group[0]
                files = [job.pins_file for job in group if job.pins_file is not None]
                fetch(store, first.interpreter, first.definition, files, first.installer, shared)
            except EnvyardError:
                cancellation.check()
            except BaseException:  # Ctrl-C, for one: the children end before the lock is released
                cancellation.cancel()
                raise


def _in_parallel(
    pool: ThreadPoolExecutor, steps: Sequence[Callable[[], None]], workers: int, cancellation: Cancellation
) -> None:
    """Run every step, at most `workers` at a time."""
    queue = list(steps)
    running: set[Future[None]] = set()
    while queue or running:
        while queue and len(running) < workers:
            running.add(pool.submit(queue.pop(0)))
        finished, running = first_finished(running)
        for future in finished:
            future.result()
        cancellation.check()
