// Which lanes share a frame, and how its samples reach their registers. Part of stft.cu, and of
// mixed.cu.

namespace kapre {

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
    static constexpr int WARPS = N >= 4096 ? 2 : 4;                 // of a block
    static constexpr int THREADS = 32 * WARPS;
    static constexpr int FRAMES = THREADS / T;       // of a block, at a time
    static constexpr int BLOCKS = N < 1024 ? 6 : 4;  // that share a multiprocessor

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

// The row of a batch, one channel of one item, that a block works on.
template <class Sample>
struct Signal {
    const Sample* samples;
    i64 stride;  // elements
    i64 n_samples;
    int length;  // of a frame: the samples that the window covers, at most N
};

// Load the lane's points of the frame that starts at sample `start`. What lies outside the signal
// or behind the window is zero and is not read: 0 times NaN would not be 0.
//
// Frames inside a signal of stride 1, at an address that suits pairs of samples, are read straight
// to registers. All others pass through shared memory, sample by sample.
template <class S>
__device__ __forceinline__ void load(float2* v, const Signal<float>& s, i64 start, bool live,
                                     float* staged, int t) {
    const float* first = s.samples + start * s.stride;
    const bool straight = live && start >= 0 && start + s.length <= s.n_samples && s.stride == 1 &&
                          s.length % 2 == 0 && (unsigned long long)first % 8 == 0;
    if (__all_sync(0xffffffffu, straight)) {
        const float2* pairs = reinterpret_cast<const float2*>(first);
#pragma unroll
        for (int q = 0; q < S::E; ++q) {
            const int n = t + q * S::T;
            v[q] = n < s.length / 2 ? pairs[n] : make_float2(0.0f, 0.0f);
        }
        return;
    }
    // Of the frame, samples `begin` to `end` exist.
    const int begin = start < 0 ? (int)min(-start, (i64)S::N) : 0;
    const int end = live ? (int)max(min(s.n_samples - start, (i64)s.length), (i64)0) : 0;
    __syncwarp();  // the last use of this memory is over
#pragma unroll 4
    for (int n = t; n < S::N; n += S::T)
        staged[n] = n >= begin && n < end ? first[n * s.stride] : 0.0f;
    __syncwarp();
    const float2* pairs = reinterpret_cast<const float2*>(staged);
#pragma unroll
    for (int q = 0; q < S::E; ++q) v[q] = pairs[t + q * S::T];
}

}  // namespace kapre
