// Logarithms of values that are not negative, limited to a range below the peak of each group: an
// item, a channel, or all.
//
// The floor of a group is known only when all of it has been seen. to_decibels reads x, writes
// logarithms and finds the peaks. Then values are raised to the floor by
//
//     the team that wrote the group        up to 512 elements (a warp) or 4096 (a block)
//     the last block of the group          up to 64 KiB: see floor.cuh
//     raise_to_floor, a second kernel      all others
//
// They read and write again, but only groups whose floor lies above the least logarithm: nothing
// lies below that. With Kapre's default amin (-50 dB) and range (80 dB) that needs magnitudes above
// 1000, so as a rule nothing is read again and the whole costs 8 bytes an element.
//
// A team of threads owns a run of 16 elements a thread of one group: 256 threads, which is a block,
// or a warp where groups have up to 512 elements, so that few threads are idle. Threads take turns,
// each with a pack of WIDTH elements: four float32 if a group's length and addresses allow it, else
// one, so that a warp reads and writes 512, 256 or 128 consecutive bytes. Registers hold the pack
// and the peak so far. Shared memory holds one peak for each warp of a block: one word each, written
// by one lane each and read by all lanes together, so there is nothing to collide. If several teams
// have a group, one atomic maximum of each joins their peaks; a maximum comes out the same in any
// order.
//
// Predicted for an H100: 8 bytes an element at 3 TB/s are 2.7 ps; some 40 instructions an element,
// 18 of them for the logarithm, are 1.4 ps of issue slots. The memory decides. Not measured.

#include "floor.cuh"
#include "logarithm.cuh"
#include "packs.cuh"

namespace kapre {

constexpr int DECIBEL_THREADS = 256;

// What a launch is told besides its arrays. The host fills in these fields by name: launch.py reads
// the structure here.
template <class Real>
struct Task {
    i64 group_length;                         // elements
    int n_groups, runs;                       // runs: teams of a group
    int decimal;                              // of float64: whether logarithms are decimal
    Real added, floor, factor, shift, least;  // as scaled_log() has them
    Real settled;                             // nothing lies below it, whatever was rounded
    Real range;                               // below a peak, in units of logarithms
    int applies_range;                        // whether to_decibels does so
};

// Where a thread works.
template <int TEAM>
struct Run {
    int member;  // this thread, in its team
    i64 group, begin, end;
    template <class Real>
    __device__ __forceinline__ Run(const Task<Real>& task) {
        member = threadIdx.x % TEAM;
        const unsigned index = blockIdx.x * (DECIBEL_THREADS / TEAM) + threadIdx.x / TEAM;
        group = index / task.runs;
        begin = (i64)(index % task.runs) * (16 * TEAM);
        end = min(begin + 16 * TEAM, task.group_length);
    }
};

// The largest of a team, in all its threads, which come here together.
template <int TEAM, class Number>
__device__ __forceinline__ Number largest_of_team(Number value) {
#pragma unroll
    for (int d = 16; d; d >>= 1) value = max(value, __shfl_xor_sync(0xffffffffu, value, d));
    if constexpr (TEAM > 32) {
        __shared__ Number of_warps[TEAM / 32];
        if (threadIdx.x % 32 == 0) of_warps[threadIdx.x / 32] = value;
        __syncthreads();  // all warps have told
        for (int warp = 0; warp < TEAM / 32; ++warp) value = max(value, of_warps[warp]);
    } else {
        __syncwarp();
    }
    return value;
}

// x, out    (groups, group_length), contiguous, apart from each other; words as in half.cuh
// peaks     (groups,), 0 before; not touched if the range is applied here to groups of one team
// grid      as many blocks as hold `runs` teams for each group
template <class Real, int WIDTH, int TEAM, class Word = Real>
__global__ void __launch_bounds__(DECIBEL_THREADS)
    to_decibels(const Word* __restrict__ x, Word* __restrict__ out,
                Peak<Real>* __restrict__ peaks, const __grid_constant__ Task<Real> task) {
    const i64 group_length = task.group_length;
    const Run<TEAM> run(task);
    const i64 group = run.group, end = run.end;
    if (group >= task.n_groups) return;
    x += group * group_length;
    out += group * group_length;
    Bits<Real> peak = 0;
    for (i64 i = run.begin + WIDTH * run.member; i < end; i += WIDTH * TEAM) {
        const Pack<Word, WIDTH> from = load<WIDTH>(x + i);
        Pack<Word, WIDTH> to;
#pragma unroll
        for (int j = 0; j < WIDTH; ++j) {
            const Real value = addend_of_log((Real)from.element[j], task.added);
            // The bits of positive numbers sort as these do; NaN comes after all, so it wins.
            peak = max(peak, bits(value));
            to.element[j] = Word(scaled_log(value, task));
        }
        store(out + i, to);
    }
    peak = largest_of_team<TEAM>(peak);
    if (task.applies_range && task.runs == 1) {
        raise_group<2, Real>(peak, out, group_length, task, run.member, TEAM);
        return;
    }
    if (run.member == 0) atomicMax(&peaks[group].largest, peak);
    if constexpr (TEAM > 32)
        if (task.applies_range)
            raise_if_last<2>(peaks + group, task.runs, out, group_length, task, run.member, TEAM);
}

// values    (groups, group_length) logarithms, contiguous; the limit holds for their words
// peaks     (groups,)
// grid      as many blocks as hold `runs` teams for each group
template <class Real, int WIDTH, int TEAM, class Word = Real>
__global__ void __launch_bounds__(DECIBEL_THREADS)
    raise_to_floor(Word* values, const Peak<Real>* peaks,
                   const __grid_constant__ Task<Real> task) {
    const i64 group_length = task.group_length;
    const Run<TEAM> run(task);
    const i64 group = run.group, end = run.end;
    if (group >= task.n_groups) return;
    const Floor<Real, Word> floor(peaks[group].largest, task.range, task);
    if (floor.lowest < task.settled) return;
    values += group * group_length;
    for (i64 i = run.begin + WIDTH * run.member; i < end; i += WIDTH * TEAM) {
        Pack<Word, WIDTH> pack = load<WIDTH>(values + i);
#pragma unroll
        for (int j = 0; j < WIDTH; ++j) pack.element[j] = floor.raise(pack.element[j]);
        store(values + i, pack);
    }
}

// What decibels become again: exponentials, one pack of WIDTH a thread, with nothing shared. They
// are computed in float64, where one rounding is left of the large exponent: 8 bytes an element at
// 3 TB/s are 2.7 ps, and some 20 instructions of an H100's float64 are 1.2 ps. Not measured.
//
// x, out    (n,) contiguous, apart from each other; n a multiple of WIDTH; words as in half.cuh
// scale     10 / decade; 1 or a half, so that decibels of amplitudes become those of powers exactly
template <class Real, int WIDTH, class Word = Real>
__global__ void __launch_bounds__(DECIBEL_THREADS)
    to_magnitudes(const Word* __restrict__ x, Word* __restrict__ out, i64 n, double scale,
                  double ref_value) {
    // Decibels of 2 as a sum, whose first part has so few digits that its product with an exponent
    // is exact. Beyond MOST, up or down, all results are infinite or 0.
    constexpr double OCTAVE = 3.0102999566397557, OCTAVE_REST = 5.626027006721758e-14;
    constexpr double NEPER = 0.23025850929940458, MOST = 3500;  // NEPER: 1 / dB of e
    const i64 i = ((i64)blockIdx.x * DECIBEL_THREADS + threadIdx.x) * WIDTH;
    if (i >= n) return;
    const Pack<Word, WIDTH> from = load<WIDTH>(x + i);
    Pack<Word, WIDTH> to;
#pragma unroll
    for (int j = 0; j < WIDTH; ++j) {
        double decibels = scale * (double)(Real)from.element[j];
        if (fabs(decibels) > MOST) decibels = copysign(MOST, decibels);  // NaN stays
        const double octaves = rint(decibels * (1 / OCTAVE));
        const double rest = fma(-octaves, OCTAVE_REST, fma(-octaves, OCTAVE, decibels));
        const int exponent = octaves == octaves ? (int)octaves : 0;  // whatever it is for NaN
        to.element[j] = Word((Real)(ldexp(exp(rest * NEPER), exponent) * ref_value));
    }
    store(out + i, to);
}

}  // namespace kapre
