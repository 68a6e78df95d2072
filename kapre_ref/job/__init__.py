"""A job: the features of a collection of recordings, planned once and done in shards.

    import kapre_ref
    from kapre_ref.job import Job, run_job

    job = Job.plan(["recordings"], "features", kapre_ref.front_end("whisper-80"), mono=True)
    run_job(job).failures

`Job.plan` lists the recordings, cuts the list into shards of 4 to 64 MiB and writes all that it
knows to `out/_job`. From then on the job is that plan: `Job.open(out)` returns it, in any process
that sees the folder; a plan with other options, of another version or with other recordings is
refused.

**Engines.** `job.run(shard)` is a function of the plan and a number, so that whatever maps a
function over numbers runs a job, in any order, twice if it must:

    run_job(job)  # on the CPUs of this machine, a process each
    run_job(job, executor)  # any concurrent.futures.Executor
    run_job(job, client.get_executor(pure=False))  # of a dask.distributed.Client
    run_on_ray(job, address="auto")  # tasks of Ray: pip install "kapre_ref[ray]"
    kapre-ref features --out OUT --shard $SLURM_ARRAY_TASK_ID

A shard's results are written apart and renamed when they are whole; after them its rows of the
index are written, by which a finished shard is known. So a process may die at any time, on any
machine: at most the shards in work are lost, and the next run does them again. Results are the same
bytes on any number of workers of any engine, on processors of one vector width.

**Results.** `format` is one of

- `npy`, `npz`: a file for each recording, `x/a.wav.npy` for `x/a.wav` below the input
- `parquet`: `part-000000.parquet` and so on, a row for each recording, in columns key, features (a
  list of frames, null if there are none), shape, sample_rate (Hz), seconds, warning, error
- `tar`: `part-000000.tar` and so on for WebDataset, with `.npy` and `.json` members

and `dtype` float32 or float16. `out/_index.jsonl` always has a row for each recording: recording,
key, output, shape, sample_rate, seconds, warning, error. A recording that cannot be read is a row
with an error, so the rows are as many as the recordings. `README.md` beside this file says more.
"""

from kapre_ref.job._engines import run_job, run_on_ray
from kapre_ref.job._index import ShardReport, Summary
from kapre_ref.job._job import Job
from kapre_ref.job._plan import JobError
from kapre_ref.job._recording import OutputError

__all__ = ["Job", "JobError", "OutputError", "ShardReport", "Summary", "run_job", "run_on_ray"]
