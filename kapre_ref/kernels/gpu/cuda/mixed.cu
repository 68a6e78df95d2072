// As stft.cu, for any even N whose half is a product of two or three small radices, any odd N that
// is one itself, and for float64. stft.cu needs less for the powers of two that it knows: in its
// shuffles Z[M - k] comes from registers, so that a frame passes shared memory once, not two or
// three times. The names are those of stft.cu.
//
// A frame of N real samples is a transform of M = R1 R2 R3 points, R3 = 1 if there are two passes:
// M = N / 2 complex points, or M = N real ones if N is odd, as passes.cuh explains. T threads share
// it: groups of lanes of a warp if T <= 32, so that three frames of N = 400 are in a warp and two
// lanes of it have left; else threads of a block, side by side. T is M / R1, the rows of the first
// pass; two rows to a thread, and perhaps some more threads, if N is odd. radices.py chooses, for
// the fewest instructions.
//
//                 N    M    radices   T   frames and warps of a block   registers (sm_90)
//     float     400  200     20 10   10            12  4                      96
//               480  240      30 8    8            16  4                     128
//               440  220     22 10   10            12  4                     128
//              1144  572   13 4 11   44             5  7                     112
//              1200  600    15 5 8   40             4  5                      88
//              2000 1000    25 5 8   40             4  5                     128
//               441  441     21 21   11             8  4                     117
//              1001 1001   13 7 11   46             2  3                      92
//     double    400  200     20 10   10             9  3                     204
//              1024  512    16 4 8   32             4  4                     164
//              2600 1300  13 10 10  100             1  4                     168
//              4096 2048   16 8 16  128             1  4                     158
//              1125 1125   15 15 5   40             4  5                     156
//
// Points in registers: thread t loads z[t + qT] for q < R1 and transforms over q. In each further
// pass it takes every T-th of the M / R columns of R points from shared memory, gives them their
// twiddle factors, transforms, and puts them back where the next pass reads them (Stockham), with
// nothing to reorder at the end: then Z[k] and Z[M - k], which make bins k and M - k of the real
// spectrum, are read by the thread that hands these bins over. If N is odd, Z[k] is bin k, and
// nothing is left to make.
//
// Memory: tables and bins are read and written at consecutive addresses of neighbouring lanes, in
// runs of T. Shared memory serves 16 lanes with a point of 8 bytes each, or 8 with one of 16, at a
// time. The first exchange has rows of R1 points, which threads write one each, so ROW is odd; its
// columns are read side by side. Blocks of R1 R2 points behind the second pass are padded so that
// the last column of one and the first of the next are in neighbouring banks, and so are the slots
// of frames that share a warp. N = 400, 440, 480, 800, 832, 1144, 1200, 2000, 2600 and all powers of
// two have no conflict in the exchanges. Other sizes have some where the lanes that are served
// together read the end of one row and the start of the next: N = 1000, whose rows of 10 are the
// worst, takes 22 % more wavefronts in all. Where two frames are served together, Z[M - k] runs
// down in both and takes two wavefronts instead of one: 62 of shared memory for a frame of N = 400,
// not 55.
//
// If N is odd, rows and blocks have half as many points, and conjugates are put back running down.
// N = 225 and 375 have no conflict. Most other odd sizes take up to a fifth more wavefronts in all,
// and N = 231, the worst, 63 %.
//
// A frame of more than 46 KiB, padded, is `Large`: a block has one, in memory that the launch gives,
// and up to 512 threads share it. In float32 N = 8192 still fits a kernel's own memory.
//
//                 N      M    radices     T   KiB   registers (sm_90)
//     float    8192   4096   16 16 16   256    34        104
//             16384   8192   32 16 16   256    66        128
//             24000  12000   32 25 15   375    97        168
//             32768  16384   32 32 16   512   132        128
//     double   8192   4096   16 16 16   256    68        160
//             16384   8192   32 16 16   256   132        255
//
// asv_benchmarks/gpu/prediction.md has predictions for N = 400, 440, 441, 1144, for large frames and
// for float64; three passes are bound by the instructions that warps issue, two nearly by the bytes.
// None of this is measured.

#include "bins.cuh"
#include "dft.cuh"
#include "frames.cuh"
#include "passes.cuh"

namespace kapre {

// Load the thread's points of the frame that starts at sample `start`: in pairs, or else sample by
// sample. Each frame goes its own way, so that no thread waits here, unless one of them is shaped:
// then all pass through `staged`.
template <class S, class C, class Policy, class Sample>
__device__ __forceinline__ void gather(C* v, const Signal<Real<C>, Policy, Sample>& s, i64 start,
                                       bool live, Real<C>* staged, int t) {
    if constexpr (Policy::SHAPES)
        if (S::any(live && s.is_shaped(start))) {
            load_shaped<S>(v, s, start, live, staged, t);
            return;
        }
    const i64 stride = s.task.x_time_stride;
    const Sample* first = s.samples + start * stride;
    if constexpr (!S::IS_ODD)
        if (live && in_pairs(s, start, first)) {
            load_pairs<S>(v, first, s.task.length, t);
            return;
        }
    const Part part = part_of<S>(s, start, live);
    // A sum, not a product for each point, or all products would be kept from frame to frame.
    const Sample* from = first + S::first_sample(t) * stride;
#pragma unroll
    for (int q = 0; q < S::E; ++q) {
        const int n = S::first_sample(t) + q * S::STEP;
        v[q].x = part.has(n) ? (Real<C>)*from : 0;
        v[q].y = part.has(n + S::APART) ? (Real<C>)from[S::APART * stride] : 0;
        from += S::STEP * stride;
    }
}

// Make bins k and M - k of the real spectrum of each Z[k] and Z[M - k], and hand them to `output`.
// The table of windows is halved, which is exact, and spares the two halvings here.
template <class S, class C, class Output>
__device__ __forceinline__ void split_pairs(const C* slot, const C* roots, int t, Real<C> unscale,
                                            Output& output) {
    constexpr int PAIRS = S::M / 2 + 1, ROUNDS = (PAIRS + S::T - 1) / S::T;
    C a[ROUNDS], b[ROUNDS];
#pragma unroll
    for (int j = 0; j < ROUNDS; ++j) {
        const int k = t + j * S::T;
        if (!S::template has<PAIRS>(j, k)) continue;
        a[j] = slot[k];
        b[j] = slot[k ? S::M - k : 0];
    }
    output.begin(unscale);
#pragma unroll
    for (int j = 0; j < ROUNDS; ++j) {
        const int k = t + j * S::T;
        if (!S::template has<PAIRS>(j, k)) continue;
        const C root = (roots + j * S::T)[t];  // exp(-2 pi i k / N)
        const C even = {a[j].x + b[j].x, a[j].y - b[j].y};
        const C odd = C{a[j].y + b[j].y, b[j].x - a[j].x} * root;
        const C low = even + odd, high = even - odd;
        output.put(k, low);
        output.put(S::M - k, C{high.x, -high.y});  // the same if k = M - k
    }
}

// Hand all bins to `output`. If N is odd, Z[k] is bin k.
template <class S, class C, class Output>
__device__ __forceinline__ void hand_over(const C* slot, int t, Real<C> unscale, Output& output) {
    constexpr int BINS = S::N / 2 + 1, ROUNDS = (BINS + S::T - 1) / S::T;
    C bins[ROUNDS];
#pragma unroll
    for (int j = 0; j < ROUNDS; ++j)
        if (S::template has<BINS>(j, t + j * S::T)) bins[j] = slot[t + j * S::T];
    output.begin(unscale);
#pragma unroll
    for (int j = 0; j < ROUNDS; ++j)
        if (S::template has<BINS>(j, t + j * S::T)) output.put(t + j * S::T, bins[j]);
}

// Return what to scale a frame by, as range_correction() of stft.cu. Beyond a warp, the threads of
// a frame meet in shared memory if one of the block has squares that are out of bounds.
template <class S, class R, class Bits, class Signal>
__device__ __forceinline__ R correction(Bits largest_square, const Signal& signal, i64 start,
                                        bool live, int group, int t) {
    typedef Range<R> Limits;
    const bool large = largest_square > bits(Limits::MOST);
    const bool small = live && largest_square < bits(Limits::LEAST);
    if constexpr (S::IN_WARP) {
        const unsigned lanes = 0xffffffffu >> (32 - S::T) << threadIdx.x % 32 / S::T * S::T;
        const unsigned too_large = __ballot_sync(S::MASK, large);
        const bool faint = (__ballot_sync(S::MASK, small) & lanes) == lanes;
        unsigned sounding = 0;
        if (S::any(faint))
            sounding = __ballot_sync(S::MASK, faint && has_sound<S>(signal, start, live, t));
        if (too_large & lanes) return Limits::DOWN;
        return sounding & lanes ? Limits::UP : 1;
    } else {
        __shared__ Bits largest[S::FRAMES];
        __shared__ unsigned sounding[S::FRAMES];
        if (!S::any(large || small)) return 1;
        if (t == 0) largest[group] = 0;
        if (t == 0) sounding[group] = 0;
        S::sync();
        atomicMax(&largest[group], largest_square);
        if (small && has_sound<S>(signal, start, live, t)) atomicMax(&sounding[group], 1u);
        S::sync();
        if (largest[group] > bits(Limits::MOST)) return Limits::DOWN;
        return largest[group] < bits(Limits::LEAST) && sounding[group] ? Limits::UP : 1;
    }
}

// Where the samples of a channel begin, and where its frames go; `series` counts channels of items.
template <class Sample, class Task>
__device__ __forceinline__ const Sample* samples_of(const Sample* x, const Task& task,
                                                    unsigned series) {
    const i64 item = series / task.n_channels;
    const i64 channel = series % task.n_channels;
    return x + item * task.x_batch_stride + channel * task.x_channel_stride +
           task.n_cut * task.x_time_stride;
}
template <class Word, class Task>
__device__ __forceinline__ Word* rows_of(Word* out, const Task& task, unsigned series) {
    const i64 item = series / task.n_channels;
    const i64 channel = series % task.n_channels;
    return out + item * task.out_batch_stride + channel * task.out_channel_stride;
}

// windows   (R1, T) pairs of half the window, as threads have their points; zeros behind the window
//           and where a thread has a single row
// tables    (R2, R1) of exp(-2 pi i r c / (R1 R2)), then (R3, R1 R2) of exp(-2 pi i r c / M), if N
//           is odd the first columns of these that are kept; from TWIDDLES on, if N is even,
//           exp(-2 pi i k / N) for k <= M / 2
// All other arguments and the grid are as those of stft() in stft.cu.
template <class Output, class Policy, class Sample = Real<typename Output::C>>
__global__ void __launch_bounds__(Output::Shape::THREADS,
                                  Output::Shape::blocks(Output::IN_SHARED))
    mixed(const Sample* __restrict__ x, const typename Output::C* windows,
          const typename Output::C* tables, const int2* __restrict__ filterbank,
          typename Output::Word* __restrict__ out, typename Output::Peak* __restrict__ peaks,
          const __grid_constant__ Task<Real<typename Output::C>> task) {
    typedef typename Output::Shape S;
    typedef typename Output::C C;
    __shared__ C exchange[S::SHARED];
    C* const slots = S::IS_LARGE ? reinterpret_cast<C*>(given_shared) : exchange;
    const int lane = threadIdx.x % 32;
    if (S::IN_WARP && lane >= S::LANES) return;
    // Threads of a large frame have few registers. They keep nothing that they can find out again:
    // neither t, which is threadIdx.x, nor where a channel begins.
    const int group = S::IS_LARGE  ? 0
                      : S::IN_WARP ? threadIdx.x / 32 * S::GROUPS + lane / S::T
                                   : threadIdx.x / S::T;
    int t = S::IS_LARGE ? threadIdx.x : S::IN_WARP ? lane % S::T : threadIdx.x % S::T;
    C* slot = slots + group * S::SLOT;
    Real<C>* words = reinterpret_cast<Real<C>*>(slot) + S::first_bank(group);

    unsigned series = blockIdx.x / task.blocks_of_channel;
    const unsigned block = blockIdx.x % task.blocks_of_channel;
    const i64 channel = series % task.n_channels, item = series / task.n_channels;
    Signal<Real<C>, Policy, Sample> signal = {
        x + item * task.x_batch_stride + channel * task.x_channel_stride +
            task.n_cut * task.x_time_stride,
        task};
    const Settings<C> settings = {t, group, slot, words, filterbank, task};
    Output output(settings);
    typename Output::Word* rows =
        out + item * task.out_batch_stride + channel * task.out_channel_stride;

    Real<C> scale = 1;
    bool again = false;  // whether the frame has been found too loud or too faint
    i64 first = (i64)block * task.rounds * S::FRAMES;
    for (int left = task.rounds; left;) {
        if (first >= task.n_frames) break;
        // The compiler shall forget t, and with it addresses that it would keep from frame to frame
        // and spill: where and when was found by trial with NVRTC 13.5.
        if constexpr (S::IS_LARGE) t = threadIdx.x;
        asm volatile("" : "+r"(t));
        if constexpr (S::IS_LARGE) {
            asm volatile("" : "+r"(series));
            signal.samples = samples_of(x, task, series);
        }
        output.live = first + group < task.n_frames;
        output.n_left = task.n_frames - first;
        // Where frames are turned, all warps of the block meet, also those that have none.
        if (S::IN_WARP && !Output::TURNS && !S::any(output.live)) break;
        const i64 start = (first + group) * task.hop_length - task.n_before;
        C v[S::POINTS];
        gather<S>(v, signal, start, output.live, reinterpret_cast<Real<C>*>(slot), t);
        apply_window<S>(v, windows, scale, t);
        transform<S>(v, slot, tables, t);
        if constexpr (S::IS_LARGE) t = threadIdx.x;
        int t_of_bins = t;  // forgotten where the addresses of bins take more registers
        if (Output::IN_SHARED) asm volatile("" : "+r"(t_of_bins));
        if constexpr (S::IS_LARGE) rows = rows_of(out, task, series);
        output.row = rows + (first + group) * task.out_frame_stride;
        if constexpr (S::IS_ODD)
            hand_over<S>(slot, t_of_bins, inverse(scale), output);
        else
            split_pairs<S>(slot, tables + S::TWIDDLES, t_of_bins, inverse(scale), output);
        if (Output::IN_RANGE && !again) {
            scale = correction<S, Real<C>>(output.largest_square, signal, start, output.live, group, t);
            again = S::any(scale != 1);
            if (again) continue;
        }
        if constexpr (S::IS_LARGE) {
            asm volatile("" : "+r"(series));
            output.row = rows_of(out, task, series) + first * task.out_frame_stride;
        }
        output.end();
        --left;
        first += S::FRAMES;
        scale = 1;
        again = false;
    }
    output.publish(peaks, series, out);
}

}  // namespace kapre
