// The inverse STFT: back-transform, window and overlap-add in one pass over the spectra.
//
// A block makes the samples of `hops` hops. It takes FRAMES neighbouring frames at a time, from the
// first on that reaches into its hops, in two steps with a barrier of the block behind each:
//
//     transform    The T threads of a frame (passes.cuh) make its N samples of N / 2 + 1 bins, in
//                  its slot of shared memory. The conjugate of a forward transform is the inverse;
//                  if N is odd, a Hartley transform is made of a forward one.
//     overlap-add  All threads, each for its own positions p in a hop: a thread adds up, for each
//                  hop that these frames reach, what they have at p, first to last. Hops that no
//                  further frame reaches are finished, and written. Sums of all others stay in
//                  `carry` until the next frames have come.
//
//     Three hops to a frame, frames a b c d at a time; the sums of three frames x y z came before:
//
//     hop        0      1      2      3      4      5
//     sum of    yza    zab    abc    bcd    cd     d
//               finished, written           to `carry`, for the next four frames
//
// So a sample is the sum of its frames in their order, wherever blocks begin and however many
// frames one has: same bits in any batch, and no atomics. Only frames that two blocks need are
// transformed twice: `overlap` - 1 for each block.
//
// Registers hold the points of a thread, shared memory the slots and `carry`. If these need more
// than 46 KiB, a block has one frame, and the launch gives the memory. In the overlap-add
// neighbouring threads read neighbouring words of a slot and write neighbouring samples, so that no
// banks conflict. Bins are read at consecutive addresses, upwards and downwards at once, so that
// each is loaded twice, the second time from the L1.
//
// A frame of N = 2048 at a hop of 512 moves 8,200 bytes of bins and 2,048 of samples; through cuFFT
// and an overlap-add of its own it moves 51,000. Predicted for an H100: 3.4 ns for the bytes, and
// 6.5 ns for the instructions, half of them in the overlap-add. Not measured.

#include "passes.cuh"

namespace kapre {

typedef long long i64;

// What a launch is told besides its arrays. The host fills in these fields by name: launch.py reads
// the structure here. Strides are in elements.
struct Task {
    i64 x_batch_stride, x_channel_stride, x_frame_stride, x_bin_stride, n_frames;
    i64 out_batch_stride, out_channel_stride, out_time_stride, n_samples;
    i64 n_skipped;  // samples of the first frames, before the first one of the result
    int n_channels, hop_length;
    int length;       // of the window: samples of a frame that count, at most N
    int overlap;      // frames that a sample may lie in
    int hops, blocks_of_channel;  // hops that a block makes; the blocks are those of one item
};

// The points v[q] at t + qT whose forward transform is 2 M times the conjugate of the samples'
// pairs. Imaginary parts of bins 0 and M do not count: a real signal has none.
template <class S, class C>
__device__ __forceinline__ void load_bins(C* v, const C* bins, i64 stride, const C* roots,
                                          bool live, int t) {
#pragma unroll
    for (int q = 0; q < S::E; ++q) {
        const int k = t + q * S::T, mirrored = S::M - k;
        C low = {0, 0}, high = {0, 0};
        if (live) {
            low = bins[k * stride];
            high = bins[mirrored * stride];
        }
        if (k == 0) low.y = high.y = 0;
        high.y = -high.y;
        const bool first_half = 2 * k <= S::M;
        const C root = roots[first_half ? k : mirrored];  // exp(-2 pi i k / N), up to M / 2
        const C sum = low + high;
        const C odd = (low - high) * C{first_half ? root.x : -root.x, -root.y};
        v[q] = {sum.x - odd.y, -(sum.y + odd.x)};
    }
}

// If N is odd, samples are the Hartley transform of real numbers: C + S, where their forward
// transform is C - iS. Bin n = a + ib makes number n, which is a - b, and number N - n, a + b. An
// imaginary part of bin 0 does not count.
template <class S, class C>
__device__ __forceinline__ Real<C> hartley_number(const C* bins, i64 stride, int n) {
    const bool first_half = 2 * n < S::N;
    const C bin = bins[(first_half ? n : S::N - n) * stride];
    if (n == 0) return bin.x;
    return first_half ? bin.x - bin.y : bin.x + bin.y;
}

// The thread's points of these numbers.
template <class S, class C>
__device__ __forceinline__ void load_hartley(C* v, const C* bins, i64 stride, bool live, int t) {
    const bool has_both = live && S::has_both(t);
#pragma unroll
    for (int q = 0; q < S::E; ++q) {
        const int n = S::first_sample(t) + q * S::STEP;
        v[q].x = live ? hartley_number<S>(bins, stride, n) : 0;
        v[q].y = has_both ? hartley_number<S>(bins, stride, n + S::APART) : 0;
    }
}

// Turn the transform C - iS of these numbers to samples: C + S at k, C - S at N - k. The one at N,
// of k = 0, is never read.
template <class S, class C>
__device__ __forceinline__ void unfold(C* slot, int t) {
    constexpr int BINS = S::N / 2 + 1, ROUNDS = (BINS + S::T - 1) / S::T;
    Real<C>* samples = reinterpret_cast<Real<C>*>(slot);
    C bins[ROUNDS];
#pragma unroll
    for (int j = 0; j < ROUNDS; ++j)
        if (S::template has<BINS>(j, t + j * S::T)) bins[j] = slot[t + j * S::T];
    S::sync();  // all bins are read
#pragma unroll
    for (int j = 0; j < ROUNDS; ++j) {
        const int k = t + j * S::T;
        if (!S::template has<BINS>(j, k)) continue;
        samples[k] = bins[j].x - bins[j].y;
        samples[S::N - k] = bins[j].x + bins[j].y;
    }
}

// Where a block works, and how far it has come.
template <class S, class R>
struct Overlap {
    const Task& task;
    const R* window;
    R* out;          // of the signal
    i64 first, end;  // hops of this block
    // The sums of `frames` frames from hop `begin` on. `row` is that of its sums in `carry`.
    __device__ __forceinline__ void add(const R* slots, R* carry, i64 begin, int row,
                                        bool carried) const {
        const int hop_length = task.hop_length, before = task.overlap - 1;
        const int frames = (int)max(min(task.n_frames - begin, (i64)S::FRAMES), (i64)0);
        for (int p = threadIdx.x; p < hop_length; p += S::THREADS) {
            int at = row;
            for (int hop = 0; hop < S::FRAMES + before; ++hop) {
                R sum = 0;
                if (carried && hop < before) sum = carry[at * hop_length + p];
                int frame = max(hop - before, 0), place = (hop - frame) * hop_length + p;
                if (place >= task.length) {  // the first of the frames ends before
                    ++frame;
                    place -= hop_length;
                }
                int from = frame * 2 * S::SLOT + place;
#pragma unroll 1
                for (int left = min(hop, frames - 1) - frame; left >= 0; --left) {
                    sum += window[place] * slots[from];
                    place -= hop_length;
                    from += 2 * S::SLOT - hop_length;
                }
                if (hop >= S::FRAMES) {
                    carry[at * hop_length + p] = sum;
                } else {
                    const i64 sample = (begin + hop) * hop_length + p - task.n_skipped;
                    const bool is_ours = begin + hop >= first && begin + hop < end;
                    if (is_ours && sample >= 0 && sample < task.n_samples)
                        out[sample * task.out_time_stride] = sum;
                }
                if (++at >= before) at = 0;
            }
        }
    }
};

// x         spectra (batch, channel, frame, bin), complex
// window    (length,), divided by N; of even N, with the samples at odd places negative; of odd N,
//           halved
// tables    as those of mixed.cu
// out       (batch, channel, time)
// grid      blocks_of_channel blocks for each channel of each item
template <class S>
__global__ void __launch_bounds__(S::THREADS, S::IS_LARGE ? 1 : S::blocks(true))
    inverse_stft(const typename S::Complex* __restrict__ x,
                 const Real<typename S::Complex>* __restrict__ window,
                 const typename S::Complex* tables, Real<typename S::Complex>* __restrict__ out,
                 const __grid_constant__ Task task) {
    typedef typename S::Complex C;
    typedef Real<C> R;
    __shared__ C exchange[S::SHARED];
    __shared__ R carry[S::IS_LARGE ? 1 : S::N];
    C* const slots = S::IS_LARGE ? reinterpret_cast<C*>(given_shared) : exchange;
    R* const sums = S::IS_LARGE ? reinterpret_cast<R*>(slots + S::SLOT) : carry;
    const int lane = threadIdx.x % 32;
    const bool works = !S::IN_WARP || lane < S::LANES;
    const int group = S::IN_WARP ? threadIdx.x / 32 * S::GROUPS + lane / S::T : threadIdx.x / S::T;
    const int t = S::IN_WARP ? lane % S::T : threadIdx.x % S::T;
    C* slot = slots + group * S::SLOT;

    const unsigned series = blockIdx.x / task.blocks_of_channel;
    const unsigned block = blockIdx.x % task.blocks_of_channel;
    const i64 channel = series % task.n_channels;
    const i64 item = series / task.n_channels;
    const C* spectra = x + item * task.x_batch_stride + channel * task.x_channel_stride;
    R* signal = out + item * task.out_batch_stride + channel * task.out_channel_stride;
    const i64 first = (i64)block * task.hops;
    const Overlap<S, R> overlap = {task, window, signal, first, first + task.hops};
    int carry_row = 0;
    const i64 start = max(first - (task.overlap - 1), (i64)0);
    for (i64 begin = start; begin < overlap.end; begin += S::FRAMES) {
        if (works) {
            const bool live = begin + group < min(task.n_frames, overlap.end);
            const C* bins = spectra + (begin + group) * task.x_frame_stride;
            C v[S::POINTS];
            if constexpr (S::IS_ODD)
                load_hartley<S>(v, bins, task.x_bin_stride, live, t);
            else
                load_bins<S>(v, bins, task.x_bin_stride, tables + S::TWIDDLES, live, t);
            transform<S>(v, slot, tables, t);
            if constexpr (S::IS_ODD) unfold<S>(slot, t);
        }
        __syncthreads();  // the frames are there
        overlap.add(reinterpret_cast<const R*>(slots), sums, begin, carry_row, begin > start);
        if (task.overlap > 1) carry_row = (carry_row + S::FRAMES) % (task.overlap - 1);
        __syncthreads();  // the slots are free
    }
}

}  // namespace kapre
