"""Time several functions in turns, so that the load of the machine is alike for all."""

from statistics import median
from time import perf_counter

_SAMPLE_SECONDS = 2e-3  # the length of one sample; so long that the clock and the loop do not count
_IN_A_ROW = 2  # samples of one contender at a time, since the first finds its caches cold


def interleaved(calls, seconds, min_rounds=3, prepare=lambda name: None, clock=None):
    """Return `{name: {'min', 'median', 'samples'}}`, in seconds a call, for `{name: function}`.

    The minimum is reported: whatever else the machine does makes a call slower, never faster.
    `prepare` is called with a contender's name before its samples, while no clock runs. `clock`
    replaces that on the wall: beside busy programs, calls that are longer than the system's slices
    of time have no undisturbed minimum, but `time.process_time` does not count the others' slices.
    """
    clock = clock or perf_counter
    numbers = {}
    for name, call in calls.items():
        prepare(name)
        call()
        start = perf_counter()
        call()
        numbers[name] = max(1, round(_SAMPLE_SECONDS / max(perf_counter() - start, 1e-9)))
    samples = {name: [] for name in calls}
    end = perf_counter() + seconds
    rounds = 0
    while rounds < min_rounds or perf_counter() < end:
        rounds += 1
        for name, call in calls.items():
            prepare(name)
            for _ in range(_IN_A_ROW):
                samples[name].append(_sample(call, numbers[name], clock))
    return {
        name: {"min": min(times), "median": median(times), "samples": len(times)}
        for name, times in samples.items()
    }


def _sample(call, number, clock):
    repetitions = range(number)
    start = clock()
    for _ in repetitions:
        call()
    return (clock() - start) / number
