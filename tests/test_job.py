"""A job gives the same bytes on every engine, and loses nothing when a process dies."""

import contextlib
import dataclasses
import faulthandler
import hashlib
import json
import multiprocessing
import os
import pickle
import signal
import subprocess
import sys
import time
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from command import files_below, write_sound

import kapre_ref
from kapre_ref.job import Job, JobError, OutputError, _recording, _workers, run_job

soundfile = pytest.importorskip("soundfile", reason="needs soundfile: the extra cli")

FRONT_END = kapre_ref.FrontEnd(
    sample_rate=16000, n_fft=512, hop_length=160, bands=kapre_ref.Bands(20), log="ln", floor=1e-5
)
N_RECORDINGS = 12
SHARD_BYTES = 30_000  # two recordings of half a second


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A folder of recordings, in two sub-folders."""
    folder = tmp_path_factory.mktemp("collection")
    for index in range(N_RECORDINGS):
        path = folder / "xy"[index % 2] / f"{index:02d}.wav"
        write_sound(path, seconds=0.5, sample_rate=16000, seed=index)
    return folder


def plan(folder, out, **options):
    return Job.plan(
        [folder], out, FRONT_END, **{"format": "npy", "shard_bytes": SHARD_BYTES} | options
    )


def digests(out):
    """Return the sha256 of each result and of the index, by name."""
    names = [*files_below(out), "_index.jsonl"]
    return {name: hashlib.sha256((out / name).read_bytes()).hexdigest() for name in names}


def index_of(out):
    return [json.loads(line) for line in (out / "_index.jsonl").read_text().splitlines()]


@pytest.fixture(scope="module")
def expected(folder, tmp_path_factory):
    """Return the results of an undisturbed run in this process, by format."""
    out = tmp_path_factory.mktemp("expected")
    results = {}
    for name in ("npy", "tar"):
        assert run_job(plan(folder, out / name, format=name), workers=1).n_failed == 0
        results[name] = digests(out / name)
    return results


def parts(out):
    return list((out / "_job").glob("parts/*"))


class TestPlan:
    def test_is_small_and_the_same_when_opened(self, folder, tmp_path):
        job = plan(folder, tmp_path)
        assert Job.open(tmp_path) == job
        assert pickle.loads(pickle.dumps(job)) == job
        assert len(pickle.dumps(job)) < 5000
        assert job.n_shards == N_RECORDINGS // 2
        assert job.edges == list(range(0, N_RECORDINGS + 1, 2))
        assert job.front_end == FRONT_END

    def test_shards_have_their_share(self):
        from kapre_ref.job._plan import Planned, shard_ends

        sizes = [10, 10, 10, 10_000_000, 10, 10]
        planned = [Planned(f"{i}", f"{i}", size, 0) for i, size in enumerate(sizes)]
        assert shard_ends(planned, 20_000) == [4, 6]
        assert shard_ends(planned, None) == [4, 6]
        many = planned[3:4] * 100_000  # They have a terabyte.
        assert shard_ends(many, None)[:2] == [7, 14]

    def test_a_worker_reads_its_slice_alone(self, folder, tmp_path, monkeypatch):
        job = plan(folder, tmp_path)
        n_read = []
        original = _store().Folder.read
        monkeypatch.setattr(
            _store().Folder,
            "read",
            lambda *a: n_read.append(len(data := original(*a))) or data,
        )
        job.run(3)
        lists = sum(path.stat().st_size for path in (tmp_path / "_job").glob("*.jsonl"))
        assert sum(n_read) < lists / 2

    @pytest.mark.parametrize(
        ("change", "message"),
        [
            ({"dtype": "float16"}, "made with dtype=float32, asked for float16"),
            ({"format": "npz"}, "made with format=npy, asked for npz"),
            ({"mono": True}, "made with mono=false, asked for true"),
            ({"keep_partial": True}, "made with keep_partial=false, asked for true"),
        ],
    )
    def test_refuses_other_options(self, folder, tmp_path, change, message):
        plan(folder, tmp_path)
        with pytest.raises(JobError, match=message):
            plan(folder, tmp_path, **change)

    def test_refuses_another_front_end(self, folder, tmp_path):
        plan(folder, tmp_path)
        other = FRONT_END.replace(hop_length=320)
        with pytest.raises(JobError, match="made with hop_length=160, asked for 320"):
            Job.plan([folder], tmp_path, other, format="npy")

    def test_refuses_another_version(self, folder, tmp_path, monkeypatch):
        plan(folder, tmp_path)
        from kapre_ref.job import _job

        monkeypatch.setattr(_job, "__version__", "9.9")
        with pytest.raises(JobError, match=r"made with kapre_ref 0\..*, and this is 9\.9"):
            plan(folder, tmp_path)

    def test_refuses_other_recordings_and_extends(self, folder, tmp_path):
        run_job(plan(folder / "x", tmp_path), workers=1)
        before = digests(tmp_path)
        both = [folder / "x", folder / "y"]
        with pytest.raises(
            JobError, match=f"6 of 12 recordings are new.*{folder / 'y' / '01.wav'}"
        ):
            Job.plan(both, tmp_path, FRONT_END, format="npy")
        with pytest.raises(JobError, match="planned but not given now"):
            Job.plan([folder / "x" / "00.wav"], tmp_path, FRONT_END, format="npy")
        job = Job.plan([folder / "y"], tmp_path, FRONT_END, format="npy", extend=True)
        assert run_job(job, workers=1).n_done == N_RECORDINGS
        after = digests(tmp_path)
        assert before.items() - after.items() == {("_index.jsonl", before["_index.jsonl"])}
        assert len(after) == N_RECORDINGS + 1

    def test_refuses_what_is_no_plan(self, tmp_path):
        with pytest.raises(JobError, match="out must be a folder that has a plan"):
            Job.open(tmp_path)
        (tmp_path / "_job").mkdir()
        (tmp_path / "_job" / "job.json").write_text("{")
        with pytest.raises(JobError, match="must be a plan as kapre_ref writes it"):
            Job.open(tmp_path)

    def test_two_that_plan_at_once_agree(self, folder, tmp_path):
        with ThreadPoolExecutor(4) as pool:
            jobs = list(pool.map(lambda _: plan(folder, tmp_path), range(4)))
        assert {job.plan_name for job in jobs} == {Job.open(tmp_path).plan_name}
        lists = [path.name for path in (tmp_path / "_job").glob("*.*")]
        assert sorted(lists) == sorted(
            [f"{jobs[0].plan_name}.edges", f"{jobs[0].plan_name}.jsonl", "job.json"]
        )


def _store():
    from kapre_ref.job import _store

    return _store


class TestSameBytes:
    @pytest.mark.parametrize("format_name", ["npy", "tar"])
    @pytest.mark.parametrize("way", ["two workers", "fork", "threads", "alone", "again"])
    def test_whatever_does_it(self, folder, tmp_path, expected, way, format_name):
        job = plan(folder, tmp_path, format=format_name)
        if way == "two workers":
            summary = run_job(job, workers=2)
        elif way == "fork":
            context = multiprocessing.get_context("fork")
            with ProcessPoolExecutor(2, mp_context=context) as executor:
                summary = run_job(job, executor)
        elif way == "threads":
            with ThreadPoolExecutor(2) as executor:
                summary = run_job(job, executor)
        else:
            for shard in reversed(range(job.n_shards)):
                job.run(shard, alone=way == "alone")
            summary = run_job(job, workers=2)
        assert summary[:3] == (N_RECORDINGS, N_RECORDINGS, 0)
        assert summary.seconds == N_RECORDINGS / 2
        assert digests(tmp_path) == expected[format_name]
        assert not (tmp_path / "_job" / "unfinished").exists()

    @pytest.mark.thorough
    @pytest.mark.parametrize("local", [True, False], ids=["workers", "executor"])
    @pytest.mark.parametrize("method", ["spawn", "forkserver"])
    def test_spawned(self, folder, tmp_path, expected, local, method):
        context = multiprocessing.get_context(method)
        job = plan(folder, tmp_path)
        if local:
            run_job(job, workers=2, context=context)
        else:
            with ProcessPoolExecutor(2, mp_context=context) as executor:
                run_job(job, executor)
        assert digests(tmp_path) == expected["npy"]

    def test_of_a_file_are_those_of_the_front_end(self, folder, tmp_path, expected):
        run_job(plan(folder, tmp_path), workers=1)
        for path in sorted(folder.rglob("*.wav")):
            x, _ = soundfile.read(path, dtype="float32")
            got = np.load(tmp_path / f"{path.relative_to(folder)}.npy")
            np.testing.assert_array_equal(got, FRONT_END(x))


class TestAgain:
    def test_does_nothing_twice(self, folder, tmp_path):
        job = plan(folder, tmp_path)
        run_job(job, workers=1)
        before = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*.npy")}
        report = plan(folder, tmp_path).run(0)
        assert (report.n_written, report.n_kept, report.n_failed) == (0, 2, 0)
        run_job(Job.open(tmp_path), workers=2)
        assert {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*.npy")} == before

    @pytest.mark.parametrize("format_name", ["npy", "tar"])
    def test_does_again_what_is_cut_off(self, folder, tmp_path, expected, format_name):
        run_job(plan(folder, tmp_path, format=format_name), workers=1)
        victim = sorted(tmp_path.rglob(f"*.{format_name}"))[1]
        os.truncate(victim, victim.stat().st_size - 4)
        assert run_job(Job.open(tmp_path), workers=1).n_failed == 0
        assert digests(tmp_path) == expected[format_name]

    def test_an_index_without_its_last_line_is_not_finished(self, folder, tmp_path, expected):
        job = plan(folder, tmp_path)
        run_job(job, workers=1)
        index = tmp_path / "_job" / "index" / "000002.jsonl"
        index.write_text("\n".join(index.read_text().splitlines()[:-1]))
        assert job.summary().n_done == N_RECORDINGS - 2
        assert job.run(2).n_written == 2
        assert digests(tmp_path) == expected["npy"]

    def test_does_again_what_changed(self, tmp_path):
        for name in "abc":
            write_sound(tmp_path / "in" / f"{name}.wav", sample_rate=16000)
        out = tmp_path / "out"
        run_job(plan(tmp_path / "in", out), workers=1)
        before = digests(out)
        write_sound(tmp_path / "in" / "b.wav", sample_rate=16000, seed=7)
        run_job(plan(tmp_path / "in", out), workers=1)
        after = digests(out)
        assert {n for n in before if before[n] != after[n]} == {"b.wav.npy", "_index.jsonl"}

    def test_retries_failures_only_when_asked(self, tmp_path):
        write_sound(tmp_path / "in" / "a.wav", sample_rate=16000)
        bad = tmp_path / "in" / "b.wav"
        bad.write_text("text")
        state = bad.stat()
        job = plan(tmp_path / "in", tmp_path / "out")
        (failure,) = run_job(job, workers=1).failures
        assert failure[0] == str(bad)
        write_sound(tmp_path / "c.wav", sample_rate=16000)
        bad.write_bytes((tmp_path / "c.wav").read_bytes())
        os.utime(bad, ns=(state.st_atime_ns, state.st_mtime_ns))
        assert run_job(job, workers=1).n_failed == 1
        assert run_job(dataclasses.replace(job, retry_failed=True), workers=1).n_failed == 0
        assert [row["error"] for row in index_of(tmp_path / "out")] == [None, None]


class TestDeaths:
    @pytest.fixture
    def deadly(self, monkeypatch):
        """Let a process that reads the recording 05.wav die, as if a decoder had a bug."""
        original = _recording.Recording

        def recording(path, *how):
            if path.endswith("05.wav"):
                faulthandler.disable()  # pytest has enabled it.
                os.kill(os.getpid(), signal.SIGSEGV)
            return original(path, *how)

        monkeypatch.setattr(_recording, "Recording", recording)

    @pytest.mark.parametrize("format_name", ["npy", "tar"])
    def test_a_recording_that_kills_costs_itself(self, folder, tmp_path, deadly, format_name):
        context, said = multiprocessing.get_context("fork"), []
        job = plan(folder, tmp_path, format=format_name, shard_bytes=10 * SHARD_BYTES)
        summary = run_job(
            job, workers=2, context=context, report=lambda row, _: said.append(row["recording"])
        )
        assert len(said) == len(set(said)) == N_RECORDINGS
        assert summary.failures == [(str(folder / "y" / "05.wav"), "the process that read it died")]
        assert len(index_of(tmp_path)) == N_RECORDINGS
        assert parts(tmp_path) == []

    def test_kernels_are_loaded_before_processes_of_their_own(self, folder, tmp_path, monkeypatch):
        from kapre_ref.job import _shard

        called, in_child = [], _shard._in_child
        monkeypatch.setattr(_shard, "load_kernels", lambda _: called.append("load"))
        monkeypatch.setattr(_shard, "_in_child", lambda f: called.append("child") or in_child(f))
        plan(folder, tmp_path).run(0, alone=True)
        assert called == ["load", "child", "child"]

    def test_a_shard_is_given_up_in_the_end(self, folder, tmp_path, monkeypatch):
        from kapre_ref.job import _shard

        original = _shard.ShardRun.run

        def run(self, report, way):
            if self.shard == 1 and way.__name__ != "lose":
                os.kill(os.getpid(), signal.SIGKILL)
            return original(self, report, way)

        monkeypatch.setattr(_shard.ShardRun, "run", run)
        context = multiprocessing.get_context("fork")
        summary = run_job(plan(folder, tmp_path), workers=2, context=context)
        assert [Path(path).name for path, _ in summary.failures] == ["04.wav", "06.wav"]

    def test_a_signal_that_comes_while_a_worker_starts(self, folder, tmp_path, monkeypatch):
        original, n_started = _workers._blocked_signals, []

        @contextlib.contextmanager
        def blocked():
            with original():
                yield
            n_started.append(1)
            if len(n_started) == 2:
                raise KeyboardInterrupt

        monkeypatch.setattr(_workers, "_blocked_signals", blocked)
        with pytest.raises(KeyboardInterrupt):
            run_job(plan(folder, tmp_path), workers=3, context=multiprocessing.get_context("fork"))
        assert multiprocessing.active_children() == []

    def test_workers_that_cannot_begin_end_the_run(self, folder, tmp_path, monkeypatch):
        monkeypatch.setattr(_workers, "_work", lambda *_: sys.exit(3))
        with pytest.raises(ChildProcessError, match=r"the last with exit code 3; a script"):
            run_job(plan(folder, tmp_path), workers=2, context=multiprocessing.get_context("fork"))

    def test_a_killed_worker_costs_nothing(self, folder, tmp_path, expected, monkeypatch):
        original, driver = _recording.Recording, os.getpid()

        def recording(path, *how):
            if path.endswith("07.wav") and not (tmp_path / "killed").exists():
                assert os.getpid() != driver
                (tmp_path / "killed").touch()
                os.kill(os.getpid(), signal.SIGKILL)
            return original(path, *how)

        monkeypatch.setattr(_recording, "Recording", recording)
        context = multiprocessing.get_context("fork")
        out = tmp_path / "out"
        assert run_job(plan(folder, out), workers=2, context=context).n_failed == 0
        assert digests(out) == expected["npy"]

    def test_a_full_disk_ends_the_run(self, folder, tmp_path, monkeypatch):
        def fail(file, *_):
            file.write(b"half")
            raise OSError(28, "No space left on device")

        monkeypatch.setattr(_recording, "write_npy", fail)
        job = plan(folder, tmp_path)
        for workers in (1, 2):
            with pytest.raises(OutputError, match=f"{tmp_path}: No space left on device"):
                run_job(job, workers=workers, context=multiprocessing.get_context("fork"))
        assert files_below(tmp_path) == []
        assert job.summary().n_done == 0

    @pytest.mark.thorough
    def test_a_killed_run_goes_on(self, folder, tmp_path, expected):
        """The whole process group is killed during its work; the next run completes the job."""
        code = SLOW.format(folder=str(folder), out=str(tmp_path))
        plan(folder, tmp_path)
        for n_done in (1, 4, 9):
            process = subprocess.Popen(
                [sys.executable, "-c", code], start_new_session=True, stdout=subprocess.DEVNULL
            )
            until = time.monotonic() + 60
            while len(files_below(tmp_path)) < n_done and time.monotonic() < until:
                time.sleep(0.01)
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
        assert 9 <= len(files_below(tmp_path)) < N_RECORDINGS
        assert run_job(plan(folder, tmp_path), workers=2).n_failed == 0
        assert digests(tmp_path) == expected["npy"]
        assert parts(tmp_path) == []

    @pytest.mark.thorough
    @pytest.mark.parametrize("name", ["SIGINT", "SIGTERM"])
    def test_a_signal_ends_it_soon(self, folder, tmp_path, name):
        (folder.parent / "bad.wav").write_text("text")
        arguments = [str(folder.parent / "bad.wav"), str(folder), "--out", str(tmp_path)]
        code = SLOW_COMMAND.format(arguments=["features", *arguments, "--workers", "2"])
        process = subprocess.Popen(
            [sys.executable, "-c", code], stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        until = time.monotonic() + 60
        while len(files_below(tmp_path)) < 3 and time.monotonic() < until:
            time.sleep(0.01)
        process.send_signal(getattr(signal, name))
        sent, lines = time.monotonic(), []
        while not lines or "interrupted" not in lines[-1]:
            lines.append(process.stderr.readline())
            assert lines[-1]
        assert time.monotonic() - sent < 10  # It takes a tenth of a second on a quiet machine.
        out, _ = process.communicate(timeout=60)
        error = "".join(lines)
        assert process.returncode == 128 + getattr(signal, name)
        assert "Traceback" not in error
        assert error.count("bad.wav: no sound file that can be read") == 2
        assert error.endswith("interrupted; what is written is complete\n")
        assert "not all" in out
        assert parts(tmp_path) == []
        for file in tmp_path.rglob("*.npy"):
            np.load(file)


SLOW = """
import time
from kapre_ref.command import cli
from kapre_ref.job import _recording, Job, run_job
original = _recording.write_npy
def slow(file, *rest):
    file.write(b"")
    time.sleep(0.2)
    original(file, *rest)
_recording.write_npy = slow
if __name__ == "__main__":
    run_job(Job.open({out!r}), workers=2)
"""

SLOW_COMMAND = """
import signal, sys, time
from kapre_ref.command import cli
from kapre_ref.job import _recording
for name in ("SIGTERM", "SIGHUP"):
    signal.signal(getattr(signal, name), signal.SIG_DFL)
signal.signal(signal.SIGINT, signal.default_int_handler)
original = _recording.write_npy
def slow(*arguments):
    time.sleep(0.5)
    original(*arguments)
_recording.write_npy = slow
sys.exit(cli.main({arguments!r}))
"""


class TestWorkers:
    def test_have_one_thread(self, folder, tmp_path, monkeypatch):
        from kapre_ref.job import _shard

        monkeypatch.setattr(_shard, "compute", lambda job, planned, *_: (_row(planned), None))
        context = multiprocessing.get_context("fork")
        run_job(plan(folder, tmp_path), workers=2, context=context)
        assert {row["error"] for row in index_of(tmp_path)} == {"1 threads"}

    def test_end_when_their_driver_is_gone(self, folder, tmp_path):
        code = f"""
import os, signal, time
from kapre_ref.command import collection
from kapre_ref.job import Job, _workers
job = Job.open({str(tmp_path)!r})
slot = _workers._Slot(job, __import__("multiprocessing").get_context("fork"))
slot.start(); print(slot.process.pid, flush=True)
os.kill(os.getpid(), signal.SIGKILL)
"""
        plan(folder, tmp_path)
        done = subprocess.run(
            [sys.executable, "-c", code], capture_output=True, text=True, check=False, timeout=60
        )
        until = time.monotonic() + 20
        while _is_alive(int(done.stdout)) and time.monotonic() < until:
            time.sleep(0.1)
        assert not _is_alive(int(done.stdout))

    def test_a_short_recording_takes_no_fresh_memory(self, tmp_path):
        resource = pytest.importorskip("resource", reason="counts page faults as Unix does")
        for index in range(40):
            write_sound(tmp_path / "in" / f"{index:02d}.wav", seconds=5, sample_rate=16000)
        job = plan(tmp_path / "in", tmp_path / "out", shard_bytes=20 * 160_000)
        job.run(0)
        before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
        job.run(1)
        assert (resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before) / 20 < 50


def _row(planned):
    return _recording.empty_row(planned, f"{kapre_ref.get_num_threads()} threads")


def _is_alive(pid):
    try:
        return "Z" not in Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return False
