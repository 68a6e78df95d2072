// Which lanes share a frame, and how its samples reach their registers.
//
// A policy of the kernels says how: Stored frames are read as they lie in memory, with zeros beyond
// the signal. Shaped ones may differ from that: they reach beyond a signal that is reflected there,
// or the signal or the frame is pre-emphasised, or the frame's mean is taken off. Then they go
// sample by sample through shared memory; all others of a launch are read as Stored ones are.
//
//     Signal::at()   finds a sample at the edges, and pre-emphasises the signal
//     load_shaped()  stages samples in shared memory, takes off the mean, pre-emphasises the frame
//
// An edge of three samples a b c, extended by four on both sides:
//
//     ZEROS      0 0 0 0 [a b c] 0 0 0 0
//     REFLECT    a b c b [a b c] b a b c
//     MIRROR     c c b a [a b c] c b a a
//     EDGE       a a a a [a b c] c c c c
//     ODD        reflected as REFLECT is, and about the value at the edge: 2a - c, 2a - b [a b c]

#pragma once
#include "dft.cuh"
#include "half.cuh"
#include "logarithm.cuh"
#include "sums.cuh"

namespace kapre {

// What lies outside a signal; fused.py has the numbers of the names that a front end knows.
enum Edge { ZEROS, REFLECT, MIRROR, EDGE, ODD };

// What a launch is told besides its arrays. The host fills in these fields by name: launch.py reads
// the structure here. Strides are in elements; numbers are of the type of the samples.
template <class Real>
struct Task {
    i64 n_cut, n_samples;  // samples that are cut off in front, and those that count behind them
    i64 x_batch_stride, x_channel_stride, x_time_stride;
    i64 n_before, hop_length, n_frames;  // n_before: how far the signal is extended in front
    i64 out_batch_stride, out_channel_stride, out_frame_stride, out_bin_stride;
    int n_channels;
    int length;         // of a frame: the samples that the window covers, at most N
    int n_bands;        // 0 unless the result is bands
    int blocks_of_channel;  // of one item
    int rounds;         // how many times a block takes FRAMES frames
    int edge;           // an Edge
    int all_shaped;     // whether all frames are shaped, not only those at the ends of a signal
    int removes_mean;   // of each frame
    Real emphasis, frame_emphasis;  // factor of the sample before, in the signal and in a frame
    Real power_offset;              // below the root of a magnitude
    int channels_of_peak;           // channels that share a peak; 0 if nobody asks for peaks
    int blocks_of_peak;             // blocks that share it; 0 if a second kernel applies the range
    int values_of_peak;             // what they write, in one run of memory
    int takes_log;                  // else values are multiplied by `factor`, and `shift` is added
    int has_lines;                  // whether each value has a gain and an offset of its own
    int lines_at, weights_at;       // where in `filterbank` these and the weights begin, in numbers
    int decimal;                    // of float64: whether logarithms are decimal
    Real added, floor, factor, shift, least;  // as scaled_log() has them
    Real settled;                   // nothing lies below it, whatever was rounded
    Real range;                     // below a peak, in units of logarithms
};

template <int N_>
struct Shape {
    typedef float2 Complex;
    static constexpr int N = N_;
    static constexpr bool IS_ODD = false;                           // as `Mixed` of passes.cuh
    static constexpr int M = N / 2;                                 // complex points of a frame
    static constexpr int E = N >= 4096 ? 64 : N >= 1024 ? 32 : 16;  // points in a lane's registers
    static constexpr int T = M / E;                                 // lanes of a frame
    static constexpr int COLUMNS = E / T;                           // of the exchange, for a lane
    static constexpr int ROW = E + 1;                               // of it, one point unused
    static constexpr int SLOT = T * ROW;                            // of a frame in the exchange
    static constexpr int TWIDDLES = M;                              // of a table, before the roots
    static constexpr int WARPS = N >= 4096 ? 2 : 4;                 // of a block
    static constexpr int THREADS = 32 * WARPS;
    static constexpr int FRAMES = THREADS / T;       // of a block, at a time
    static constexpr int BLOCKS = N < 1024 ? 6 : 4;  // that share a multiprocessor
    // Whether the compiler shall forget t once for each transform, or else once for each frame. It
    // computes addresses from t, and would keep more of them than there are registers. Which of the
    // two spills nothing was found by trial with NVRTC 13.5.
    static __device__ constexpr bool forgets_often(bool bins_in_shared) {
        return N < 1024 || (bins_in_shared && N < 4096);
    }

    // Slots of the frames of a warp begin in the same bank, or in two (T = 8). So many words in,
    // they begin T banks apart.
    static __device__ __forceinline__ constexpr int first_bank(int group) {
        return T == 16 ? group % 2 * 16 : T == 8 ? group % 4 / 2 * 8 : 0;
    }
    // The threads of a block that have work, and the number of this one among them.
    static constexpr int RANKS = THREADS;
    static __device__ __forceinline__ int rank() { return threadIdx.x; }
    static __device__ __forceinline__ void sync() { __syncwarp(); }
    static __device__ __forceinline__ bool any(bool predicate) {
        return __any_sync(0xffffffffu, predicate);
    }
    static __device__ __forceinline__ unsigned largest_in_warp(unsigned value) {
#pragma unroll
        for (int d = 16; d; d >>= 1) value = max(value, __shfl_xor_sync(0xffffffffu, value, d));
        return value;
    }
    // The sum over the lanes of a frame, the same in each.
    static __device__ __forceinline__ float sum_of_frame(float value) {
#pragma unroll
        for (int d = T / 2; d; d >>= 1) value += __shfl_xor_sync(0xffffffffu, value, d);
        return value;
    }
};

// Squares leave the range of their type long before magnitudes do: of float32, for magnitudes above
// 2^64, and below 2^-63 all are lost; of float64, above 2^512 and below 2^-511. A frame whose
// largest square is above MOST, or below LEAST, is done again, scaled by DOWN or UP.
template <class R>
struct Range;
template <>
struct Range<float> {
    static constexpr float MOST = 0x1p120f, LEAST = 0x1p-80f, DOWN = 0x1p-70f, UP = 0x1p70f;
};
template <>
struct Range<double> {
    static constexpr double MOST = 0x1p1000, LEAST = 0x1p-900, DOWN = 0x1p-600, UP = 0x1p600;
};

// Return the inverse of 1, DOWN or UP; a division would take registers that are dear.
template <class R>
__device__ __forceinline__ R inverse(R scale) {
    return scale > 1 ? Range<R>::DOWN : scale < 1 ? Range<R>::UP : 1;
}

struct Stored {
    static constexpr bool SHAPES = false;
};
struct Shaped {
    static constexpr bool SHAPES = true;
};

// The channel of an item that a block works on. Samples may have fewer bits than the numbers that
// are computed from them.
template <class Real, class Policy, class Sample>
struct Signal {
    const Sample* samples;
    const Task<Real>& task;

    __device__ __forceinline__ bool has_inside(i64 start) const {
        return start >= 0 && start + task.length <= task.n_samples;
    }
    __device__ __forceinline__ bool is_shaped(i64 start) const {
        return Policy::SHAPES && (task.all_shaped || !has_inside(start));
    }
    // Where the sample lies that stands for sample i of the signal as it is extended.
    __device__ __forceinline__ i64 folded(i64 i) const {
        if (task.edge == EDGE) return i < 0 ? 0 : task.n_samples - 1;
        const i64 seam = task.edge == MIRROR;  // how often more the samples at the ends are there
        const i64 n = task.n_samples, period = 2 * (n - 1 + seam);
        if (i < 0) i = -i - seam;
        // Back and forth: the signal is shorter than what is reflected, so 32 bits are enough.
        if (i >= period) i = period ? (unsigned)i % (unsigned)period : 0;
        return i < n ? i : period - seam - i;
    }
    // Sample i of the signal as it is extended and pre-emphasised.
    __device__ __forceinline__ Real at(i64 i) const {
        if (i >= 0 && i < task.n_samples) return inside(i);
        if (task.edge == ZEROS) return 0;
        const Real sample = inside(folded(i));
        return task.edge == ODD ? folded_oddly(i, sample) : sample;
    }
    // What folds make of a sample that is reflected to i, each twice the edge less the sample.
    __device__ __forceinline__ Real folded_oddly(i64 i, Real sample) const {
        const i64 last = task.n_samples - 1, span = last ? last : 1;
        const i64 beyond = i < 0 ? -i : i - last;
        const unsigned folds = (unsigned)((beyond + span - 1) / span), odd = folds % 2;
        const Real near = inside(i < 0 ? 0 : last);
        Real edges = (Real)(2 * odd) * near;
        if (folds > 1) edges += (Real)(folds - odd) * (near - inside(i < 0 ? last : 0));
        return odd ? edges - sample : edges + sample;
    }
    // Sample i, which is there, pre-emphasised.
    __device__ __forceinline__ Real inside(i64 i) const {
        const Sample* sample = samples + i * task.x_time_stride;
        if (task.emphasis == 0 || i + task.n_cut == 0) return *sample;
        return *sample - task.emphasis * *(sample - task.x_time_stride);
    }
};

// Of a frame, the samples that exist. All others are zero and must not be read: what lies outside
// the signal, and what lies behind the window, for 0 times NaN would not be 0.
struct Part {
    int begin, end;
    __device__ __forceinline__ bool has(int n) const { return n >= begin && n < end; }
};
template <class S, class Signal>
__device__ __forceinline__ Part part_of(const Signal& s, i64 start, bool live) {
    const int begin = start < 0 ? (int)min(-start, (i64)S::N) : 0;
    const i64 length = s.task.length;
    const int end = live ? (int)max(min(s.task.n_samples - start, length), (i64)0) : 0;
    return {begin, end};
}

// Whether a frame lies in a signal of stride 1, at an address that suits pairs of samples.
template <class Sample, class Signal>
__device__ __forceinline__ bool in_pairs(const Signal& s, i64 start, const Sample* first) {
    return s.has_inside(start) && s.task.x_time_stride == 1 && s.task.length % 2 == 0 &&
           (unsigned long long)first % (2 * sizeof(Sample)) == 0 && !s.is_shaped(start);
}
template <class C, class Sample>
__device__ __forceinline__ C pair_at(const typename PairOf<Sample>::Type* pairs, int n) {
    const typename PairOf<Sample>::Type pair = pairs[n];
    return {pair.x, pair.y};
}
template <class S, class C, class Sample>
__device__ __forceinline__ void load_pairs(C* v, const Sample* first, int length, int t) {
    const auto* pairs = reinterpret_cast<const typename PairOf<Sample>::Type*>(first);
    if (length == S::N) {  // as a rule: then nothing need be compared
#pragma unroll
        for (int q = 0; q < S::E; ++q) v[q] = pair_at<C, Sample>(pairs, t + q * S::T);
        return;
    }
#pragma unroll
    for (int q = 0; q < S::E; ++q) {
        const int n = t + q * S::T;
        v[q] = n < length / 2 ? pair_at<C, Sample>(pairs, n) : C{0, 0};
    }
}

// Sample n of a staged frame, less its mean, pre-emphasised. The first stands before itself.
// Nothing is multiplied by zero: infinity would become NaN.
template <class R>
__device__ __forceinline__ R emphasised(const R* staged, int n, R mean, R emphasis) {
    const R sample = staged[n] - mean;
    return emphasis == 0 ? sample : sample - emphasis * (staged[n ? n - 1 : 0] - mean);
}

// Load the lane's points of a shaped frame, through room for N samples. All that sync() waits for
// come here.
//
// A mean m is taken off before a sample is emphasised, although (1 - a) m could be taken off later.
// Subtraction of one number rounds all samples of a size by the same amount: such an error is an
// offset, of which pre-emphasis leaves a small part.
template <class S, class C, class Signal>
__device__ __forceinline__ void load_shaped(C* v, const Signal& s, i64 start, bool live,
                                            Real<C>* staged, int t) {
    typedef Real<C> R;
    const int length = live ? s.task.length : 0;
    LongSum<R> total;
    S::sync();  // the last use of `staged` is over
#pragma unroll 1
    for (int n = t; n < S::N; n += S::T) {
        const R sample = n < length ? s.at(start + n) : 0;
        staged[n] = sample;
        total.add(sample);
    }
    R mean = 0;
    if (s.task.removes_mean) mean = S::sum_of_frame(total.sum) / s.task.length;
    S::sync();  // all samples are staged
    const R emphasis = s.task.frame_emphasis;
    if constexpr (S::IS_ODD) {
        const bool has_both = S::has_both(t);
#pragma unroll
        for (int q = 0; q < S::E; ++q) {
            const int n = S::first_sample(t) + q * S::STEP;
            v[q].x = emphasised(staged, n, mean, emphasis);
            v[q].y = has_both ? emphasised(staged, n + S::APART, mean, emphasis) : 0;
        }
        return;
    }
    const C* pairs = reinterpret_cast<const C*>(staged);
    if (emphasis == 0) {  // nothing is multiplied by zero: infinity would become NaN
#pragma unroll
        for (int q = 0; q < S::E; ++q) {
            const C pair = pairs[t + q * S::T];
            v[q] = {pair.x - mean, pair.y - mean};
        }
        return;
    }
#pragma unroll
    for (int q = 0; q < S::E; ++q) {
        const int n = t + q * S::T;
        const R before = staged[n ? 2 * n - 1 : 0] - mean;  // the first sample stands before itself
        const R even = pairs[n].x - mean, odd = pairs[n].y - mean;
        v[q] = {even - emphasis * before, odd - emphasis * even};
    }
}

// Load the lane's points z[t + qT] of the frame that starts at sample `start`: in pairs, straight
// to registers, if that suits all frames of the warp. Else samples pass through shared memory.
template <class S, class Policy, class Sample>
__device__ __forceinline__ void load(float2* v, const Signal<float, Policy, Sample>& s, i64 start,
                                     bool live, float* staged, int t) {
    const i64 stride = s.task.x_time_stride;
    const Sample* first = s.samples + start * stride;
    const bool straight = live && in_pairs(s, start, first);
    if (__all_sync(0xffffffffu, straight)) {
        load_pairs<S>(v, first, s.task.length, t);
        return;
    }
    if constexpr (Policy::SHAPES)
        if (S::any(live && s.is_shaped(start))) {
            load_shaped<S>(v, s, start, live, staged, t);
            return;
        }
    const Part part = part_of<S>(s, start, live);
    __syncwarp();  // the last use of this memory is over
#pragma unroll 4
    for (int n = t; n < S::N; n += S::T)
        staged[n] = part.has(n) ? (float)first[n * stride] : 0.0f;
    __syncwarp();
    const float2* pairs = reinterpret_cast<const float2*>(staged);
#pragma unroll
    for (int q = 0; q < S::E; ++q) v[q] = pairs[t + q * S::T];
}

// Whether any sample of this lane's share of a frame may be other than zero; of a shaped frame, it
// may.
template <class S, class Signal>
__device__ __forceinline__ bool has_sound(const Signal& s, i64 start, bool live, int t) {
    const Part part = part_of<S>(s, start, live);
    const auto* first = s.samples + start * s.task.x_time_stride;
    bool found = live && s.is_shaped(start);
#pragma unroll 1
    for (int n = part.begin + t; n < part.end; n += S::T)
        found |= first[n * s.task.x_time_stride] != 0;
    return found;
}

// Multiply the lane's points by the window and by a power of two, which is 1 as a rule.
template <class S, class C>
__device__ __forceinline__ void apply_window(C* v, const C* windows, Real<C> scale, int t) {
    if (scale == 1) {
#pragma unroll
        for (int q = 0; q < S::E; ++q) {
            const C w = windows[t + q * S::T];
            v[q] = {v[q].x * w.x, v[q].y * w.y};
        }
        return;
    }
    // The window is scaled up, for a loud sample scaled up would be inf, and NaN where the window
    // is zero; a product scaled up would have been flushed to zero. Down, it is the product.
    const Real<C> up = scale > 1 ? scale : 1, down = scale > 1 ? 1 : scale;
#pragma unroll
    for (int q = 0; q < S::E; ++q) {
        const C w = windows[t + q * S::T];
        v[q] = {v[q].x * (w.x * up) * down, v[q].y * (w.y * up) * down};
    }
}

}  // namespace kapre
