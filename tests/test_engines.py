"""Other tools run jobs (Dask, Ray), store their results (S3) and read them (Parquet, tar)."""

import hashlib
import json
import logging
import os
import signal
import sys

import numpy as np
import pytest
from command import features, files_below, run, write_sound

import kapre_ref
from kapre_ref.job import Job, JobError, run_job
from kapre_ref.job._engines import ray_reports, reports

pyarrow = pytest.importorskip("pyarrow", reason="needs the engines: pyarrow, ray, dask, pandas")
soundfile = pytest.importorskip("soundfile", reason="needs soundfile: the extra cli")

pytestmark = pytest.mark.thorough

FRONT_END = kapre_ref.FrontEnd(
    sample_rate=16000, n_fft=512, hop_length=160, bands=kapre_ref.Bands(20), log="ln", floor=1e-5
)
N_RECORDINGS = 60
SHARD_BYTES = 10 * 36_000  # ten recordings of a second
DAMAGED = ["x/empty.wav", "x/half.wav", "x/text.wav"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A folder of recordings of which three are damaged."""
    folder = tmp_path_factory.mktemp("collection")
    for index in range(N_RECORDINGS - 3):
        path = folder / "xy"[index % 2] / f"{index:02d}.wav"
        write_sound(path, seconds=1, sample_rate=16000, seed=index, n_channels=1 + index % 7 // 6)
    (folder / "x" / "empty.wav").touch()
    (folder / "x" / "text.wav").write_text("text")
    whole = (folder / "x" / "00.wav").read_bytes()
    (folder / "x" / "half.wav").write_bytes(whole[: len(whole) // 2])
    return folder


def plan(folder, out, **options):
    options = {"format": "parquet", "shard_bytes": SHARD_BYTES} | options
    return Job.plan([folder], out, FRONT_END, **options)


def digests(out):
    names = [*files_below(out), "_index.jsonl"]
    return {name: hashlib.sha256((out / name).read_bytes()).hexdigest() for name in names}


@pytest.fixture(scope="module")
def expected(folder, tmp_path_factory):
    """The results of an undisturbed run in this process: the folder, and the sha256 of each."""
    out = tmp_path_factory.mktemp("expected")
    summary = run_job(plan(folder, out), workers=1)
    assert summary[:3] == (N_RECORDINGS, N_RECORDINGS, 3)
    assert len(files_below(out)) == 6
    return out, digests(out)


class TestReadBack:
    @pytest.mark.parametrize("dtype", ["float32", "float16"])
    def test_parquet(self, folder, tmp_path, dtype):
        pandas = pytest.importorskip("pandas", reason="needs the engines: pandas")
        run_job(plan(folder, tmp_path, dtype=dtype), workers=1)
        table = pandas.read_parquet(tmp_path)
        assert len(table) == N_RECORDINGS
        assert sorted(table.key[table.error.notna()]) == DAMAGED
        for row in table[table.error.isna()].itertuples():
            x, rate = soundfile.read(folder / row.key, dtype="float32", always_2d=True)
            expected = FRONT_END(x.T.copy()).astype(dtype)  # (channel, n_frames, n_bands)
            got = np.stack([np.stack(row.features)]).reshape(row.shape)
            assert got.dtype == dtype
            np.testing.assert_array_equal(got, expected if len(expected) > 1 else expected[0])
            assert (row.sample_rate, row.seconds) == (rate, 1.0)
            assert pandas.isna(row.warning)
        assert table.features[table.error.notna()].isna().all()

    def test_parquet_without_frames_in_order(self, folder, tmp_path):
        """Features with bands first are rows of different lengths."""
        import pyarrow.parquet

        front_end = kapre_ref.front_end("whisper-80")
        job = Job.plan([folder / "y"], tmp_path, front_end, mono=True)
        run_job(job, workers=1)
        for row in pyarrow.parquet.read_table(tmp_path).to_pylist():
            assert np.array(row["features"]).shape == tuple(row["shape"]) == (80, 100)

    def test_statistics_and_options(self, folder, tmp_path):
        for kind in ("npy", "parquet"):
            how = ("--format", kind, "--n-mels", "20", "--quiet")
            assert features(folder, "--out", tmp_path / kind, *how) == 1
            assert run("statistics", tmp_path / kind, "--out", tmp_path / f"{kind}.npz") == 0
        with np.load(tmp_path / "npy.npz") as of_npy, np.load(tmp_path / "parquet.npz") as got:
            assert got["exact"] == of_npy["exact"]
        again = ("--config-from", tmp_path / "parquet" / "part-000000.parquet")
        one, other = folder / "x" / "00.wav", tmp_path / "npy" / "x" / "00.wav.npy"
        assert features(one, "--out", tmp_path / "a.npy", *again) == 0
        np.testing.assert_array_equal(np.load(tmp_path / "a.npy"), np.load(other))

    def test_a_full_disk_ends_parquet_in_silence(self, folder, tmp_path, monkeypatch, capfd):
        from kapre_ref.job import _formats

        def fail(self, row, features):
            raise OSError(28, "No space left on device")

        monkeypatch.setattr(_formats.ParquetShard, "add", fail)
        with pytest.raises(OSError, match="No space left on device"):
            run_job(plan(folder, tmp_path), workers=1)
        assert capfd.readouterr().err == ""
        assert files_below(tmp_path) == []

    @pytest.mark.filterwarnings("ignore")  # webdataset leaves files open.
    @pytest.mark.parametrize("dtype", ["float32", "float16"])
    def test_webdataset(self, folder, tmp_path, dtype):
        webdataset = pytest.importorskip("webdataset", reason="needs the engines: webdataset")
        run_job(plan(folder, tmp_path, format="tar", dtype=dtype), workers=1)
        paths = [str(path) for path in sorted(tmp_path.glob("*.tar"))]
        assert len(paths) == 6
        keys = set()
        for sample in webdataset.WebDataset(paths, shardshuffle=False).decode():
            about, features = sample["json"], sample["npy"]
            assert (features.dtype, list(features.shape)) == (dtype, about["shape"])
            assert sample["__key__"].replace("%2E", ".") == about["key"]
            keys.add(about["key"])
        assert len(keys) == N_RECORDINGS - 3

    def test_hugging_face(self, folder, tmp_path, monkeypatch):
        monkeypatch.setenv("HF_HUB_OFFLINE", "1")
        datasets = pytest.importorskip("datasets", reason="needs the engines: datasets")
        run_job(plan(folder / "y", tmp_path / "out"), workers=1)
        options = {"data_files": str(tmp_path / "out" / "*.parquet"), "split": "train"}
        table = datasets.load_dataset("parquet", cache_dir=str(tmp_path / "cache"), **options)
        for row in table.with_format("numpy"):
            x, _ = soundfile.read(folder / "y" / row["key"], dtype="float32", always_2d=True)
            expected = FRONT_END(x.T.copy())
            np.testing.assert_array_equal(
                np.asarray(row["features"]).reshape(row["shape"]), expected.reshape(row["shape"])
            )
        assert len(table) == 28

    def test_what_the_command_says(self, folder, tmp_path, capsys):
        options = ("--out", tmp_path, "--format", "parquet", "--dtype", "float16", "--workers", 2)
        assert features(folder, *options) == 1
        captured = capsys.readouterr()
        assert "57 written, 0 kept, 3 failed" in captured.out
        assert f"wrote {tmp_path / 'part-000000.parquet'}: 57 recordings, 57.00 s" in captured.out
        assert features("--out", tmp_path) == 1
        assert "0 written, 57 kept, 3 failed" in capsys.readouterr().out
        assert features(folder, *options[:4]) == 2
        assert "made with dtype=float16, asked for float32" in capsys.readouterr().err


@pytest.fixture
def paths(monkeypatch):
    """Let the processes of an engine find this package, and the module of these tests."""
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(path for path in sys.path if path))


@pytest.mark.usefixtures("paths")
@pytest.mark.filterwarnings("ignore")
class TestEngines:
    def test_dask(self, folder, tmp_path, expected):
        distributed = pytest.importorskip("distributed", reason="needs the engines: distributed")
        job = plan(folder, tmp_path)
        options = {"n_workers": 2, "threads_per_worker": 1, "dashboard_address": None}
        with distributed.LocalCluster(**options) as cluster, distributed.Client(cluster) as client:
            victim = next(iter(client.run(os.getpid).values()))
            failed = []
            work = reports(job, client.get_executor(pure=False), report=failed_keys(failed))
            done = end_and_kill(work, victim)
        assert sorted(done) == list(range(job.n_shards))
        assert sorted(failed) == DAMAGED
        assert job.finish().n_failed == 3
        assert digests(tmp_path) == expected[1]

    def test_ray(self, folder, tmp_path, expected):
        ray = pytest.importorskip("ray", reason="needs the engines: ray")
        # A busy machine answers late, but it does answer.
        patience = {"health_check_timeout_ms": 60_000, "health_check_failure_threshold": 20}
        ray.init(num_cpus=2, include_dashboard=False, log_to_driver=False, _system_config=patience)
        try:
            job = plan(folder, tmp_path)
            victim = ray.get(ray.remote(process_number).remote())
            failed = []
            done = end_and_kill(ray_reports(job, report=failed_keys(failed)), victim)
        finally:
            ray.shutdown()
        assert sorted(done) == list(range(job.n_shards))
        assert sorted(failed) == DAMAGED
        assert job.finish().n_failed == 3
        assert digests(tmp_path) == expected[1]


def process_number():
    return os.getpid()


def failed_keys(failed):
    return lambda row, outcome: failed.append(row["key"])


def end_and_kill(work, victim):
    """Kill a worker when the first shard is done; return the numbers of all that are done."""
    done = [next(work).shard]
    os.kill(victim, signal.SIGKILL)
    return done + [report.shard for report in work]


@pytest.fixture(scope="module")
def bucket():
    """A bucket of an S3 server on this machine; its URL."""
    server = pytest.importorskip("moto.server", reason="needs the engines: moto")
    boto3 = pytest.importorskip("boto3", reason="needs the engines: boto3")
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    running = server.ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    running.start()
    host, port = running.get_host_and_port()
    with pytest.MonkeyPatch.context() as patch:
        for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
            patch.setenv(name, "testing")
        patch.setenv("AWS_DEFAULT_REGION", "us-east-1")
        patch.setenv("AWS_ENDPOINT_URL", f"http://{host}:{port}")
        client = boto3.client("s3")
        client.create_bucket(Bucket="sound")
        yield client
    running.stop()


def objects(client, prefix):
    """Return the bytes of the objects below a prefix, but for the plan."""
    listed = client.list_objects_v2(Bucket="sound", Prefix=prefix)["Contents"]
    names = [each["Key"] for each in listed if "/_job" not in each["Key"]]
    read = {name: client.get_object(Bucket="sound", Key=name)["Body"].read() for name in names}
    return {name.removeprefix(prefix): data for name, data in read.items() if data}


@pytest.mark.filterwarnings("ignore")
class TestObjectStore:
    @pytest.fixture
    def stored(self, folder, bucket):
        for path in folder.rglob("*.wav"):
            key = f"recordings/{path.relative_to(folder)}"
            bucket.put_object(Bucket="sound", Key=key, Body=path.read_bytes())
        return "s3://sound/recordings"

    @pytest.mark.parametrize("format_name", ["npy", "parquet"])
    def test_from_and_to_s3(self, folder, tmp_path, bucket, stored, format_name):
        run_job(plan(folder, tmp_path, format=format_name), workers=1)
        out = f"s3://sound/{format_name}"
        options = {"format": format_name, "shard_bytes": SHARD_BYTES}
        job = Job.plan([stored], out, FRONT_END, **options)
        assert run_job(job, workers=1)[:3] == (N_RECORDINGS, N_RECORDINGS, 3)
        got = objects(bucket, f"{format_name}/")
        index = [json.loads(line) for line in got.pop("_index.jsonl").splitlines()]
        assert {name: hashlib.sha256(data).hexdigest() for name, data in got.items()} == {
            name: digest for name, digest in digests(tmp_path).items() if name != "_index.jsonl"
        }
        assert sorted(row["key"] for row in index if row["error"]) == DAMAGED
        again = Job.plan([stored], out, FRONT_END, **options)
        assert again == job
        assert again.run(0).n_written == 0
        with pytest.raises(JobError, match="made with dtype=float32, asked for float16"):
            Job.plan([stored], out, FRONT_END, dtype="float16", **options)

    def test_command(self, bucket, stored, capsys):
        options = ("--out", "s3://sound/out", "--workers", 2)
        assert features(f"{stored}/x", *options, "--n-mels", 20) == 1
        assert "29 written, 0 kept, 3 failed" in capsys.readouterr().out
        assert features("--out", "s3://sound/out") == 1
        captured = capsys.readouterr()
        assert "0 written, 29 kept, 3 failed" in captured.out
        assert "s3://sound/recordings/x/text.wav: no sound file" in captured.err
        assert len(objects(bucket, "out/")) == 30

    def test_other_file_systems(self, folder, tmp_path):
        fsspec = pytest.importorskip("fsspec", reason="needs the engines: fsspec")
        files = fsspec.filesystem("memory")
        for path in folder.rglob("*.wav"):
            files.pipe(f"/in/{path.relative_to(folder)}", path.read_bytes())
        job = Job.plan(["memory://in"], "memory://out", FRONT_END, format="npy")
        assert run_job(job, workers=1).n_failed == 3
        assert len(files.find("/out")) > N_RECORDINGS - 3
