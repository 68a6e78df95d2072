// Which lanes share a frame, and how its samples reach their registers.

#pragma once
#include "dft.cuh"

namespace kapre {

// What a launch is told besides its arrays. The host fills in these fields by name: launch.py reads
// the structure here. Strides are in elements.
struct Task {
    i64 n_samples, x_batch_stride, x_channel_stride, x_time_stride;
    i64 n_padded, hop_length, n_frames;  // n_padded: zeros in front of the signal
    i64 out_batch_stride, out_channel_stride, out_frame_stride, out_bin_stride;
    int n_channels;
    int length;         // of a frame: the samples that the window covers, at most N
    int n_bands;        // 0 unless the result is bands
    int tiles, rounds;  // blocks of a row of the batch; times that a block takes FRAMES frames
    float least, zero;  // decibels of amin, and what 10 log10 gives at 0 dB
};

template <int N_>
struct Shape {
    typedef float2 Complex;
    static constexpr int N = N_;
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
    static __device__ __forceinline__ void sync() { __syncwarp(); }
    static __device__ __forceinline__ unsigned largest_in_warp(unsigned value) {
#pragma unroll
        for (int d = 16; d; d >>= 1) value = max(value, __shfl_xor_sync(0xffffffffu, value, d));
        return value;
    }
};

// Numbers that are not negative sort as their bits do, those of inf and NaN come last.
__device__ __forceinline__ unsigned bits(float value) {
    return __float_as_uint(value);
}
__device__ __forceinline__ unsigned long long bits(double value) {
    return __double_as_longlong(value);
}

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

// The row of a batch, one channel of one item, that a block works on.
template <class Sample>
struct Signal {
    const Sample* samples;
    i64 stride;  // elements
    i64 n_samples;
    int length;  // of a frame: the samples that the window covers, at most N
};

// Of a frame, the samples that exist. All others are zero and must not be read: what lies outside
// the signal, and what lies behind the window, for 0 times NaN would not be 0.
struct Part {
    int begin, end;
    __device__ __forceinline__ bool has(int n) const { return n >= begin && n < end; }
};
template <class S, class Sample>
__device__ __forceinline__ Part part_of(const Signal<Sample>& s, i64 start, bool live) {
    const int begin = start < 0 ? (int)min(-start, (i64)S::N) : 0;
    const int end = live ? (int)max(min(s.n_samples - start, (i64)s.length), (i64)0) : 0;
    return {begin, end};
}

// Whether a frame lies in a signal of stride 1, at an address that suits pairs of samples.
template <class Sample>
__device__ __forceinline__ bool in_pairs(const Signal<Sample>& s, i64 start, const Sample* first) {
    return start >= 0 && start + s.length <= s.n_samples && s.stride == 1 && s.length % 2 == 0 &&
           (unsigned long long)first % (2 * sizeof(Sample)) == 0;
}
template <class S, class C>
__device__ __forceinline__ void load_pairs(C* v, const Signal<Real<C>>& s, const Real<C>* first,
                                           int t) {
    const C* pairs = reinterpret_cast<const C*>(first);
    if (s.length == S::N) {  // as a rule: then nothing need be compared
#pragma unroll
        for (int q = 0; q < S::E; ++q) v[q] = pairs[t + q * S::T];
        return;
    }
#pragma unroll
    for (int q = 0; q < S::E; ++q) {
        const int n = t + q * S::T;
        v[q] = n < s.length / 2 ? pairs[n] : C{0, 0};
    }
}

// Load the lane's points z[t + qT] of the frame that starts at sample `start`: in pairs, straight
// to registers, if that suits all frames of the warp. Else samples pass through shared memory.
template <class S>
__device__ __forceinline__ void load(float2* v, const Signal<float>& s, i64 start, bool live,
                                     float* staged, int t) {
    const float* first = s.samples + start * s.stride;
    const bool straight = live && in_pairs(s, start, first);
    if (__all_sync(0xffffffffu, straight)) {
        load_pairs<S>(v, s, first, t);
        return;
    }
    const Part part = part_of<S>(s, start, live);
    __syncwarp();  // the last use of this memory is over
#pragma unroll 4
    for (int n = t; n < S::N; n += S::T) staged[n] = part.has(n) ? first[n * s.stride] : 0.0f;
    __syncwarp();
    const float2* pairs = reinterpret_cast<const float2*>(staged);
#pragma unroll
    for (int q = 0; q < S::E; ++q) v[q] = pairs[t + q * S::T];
}

// Whether any sample of this lane's share of a frame is not zero.
template <class S, class Sample>
__device__ __forceinline__ bool has_sound(const Signal<Sample>& s, i64 start, bool live, int t) {
    const Part part = part_of<S>(s, start, live);
    const Sample* first = s.samples + start * s.stride;
    bool found = false;
#pragma unroll 1
    for (int n = part.begin + t; n < part.end; n += S::T) found |= first[n * s.stride] != 0;
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
