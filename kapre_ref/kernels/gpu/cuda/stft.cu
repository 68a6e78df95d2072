// Framing, window, real Fourier transform and what is made of it, in one pass over the signal.
//
// A frame of N real samples is a transform of M = N / 2 complex points z[n] = x[2n] + i x[2n+1].
// T lanes of a warp share a frame, E points to a lane, M = T E, so that a block of WARPS warps
// works on WARPS * 32 / T neighbouring frames at a time and their overlap is read from the L1.
//
//       N      M     T    E   frames a warp   registers of a thread (sm_90)
//     256    128     8   16         4                80
//     512    256    16   16         2                80
//    1024    512    16   32         2            96 to 128
//    2048   1024    32   32         1            96 to 128
//    4096   2048    32   64         1               254
//
// Names: S is a shape, t is the lane among the T that share a frame, v are the points in its
// registers, `slot` is the frame's part of the shared memory as points, `words` is the same as
// numbers.
//
// Points in registers: lane t loads z[t + qT] for q < E and transforms over q. One exchange through
// shared memory turns the array: lane t wrote row t and reads columns b = t, t + T, ... < E, gives
// them their twiddle factors and transforms over the rows. Then Z[b + cE] is in lane b mod T, and
// its partner Z[M - b - cE] in lane -b mod T, from where a shuffle brings it: the two make bins
// k and M - k of the real spectrum.
//
// The slot of a frame of N = 256 (T = 8 lanes, E = 16 points of a lane, rows of E + 1 = 17 points);
// the numbers are places in the slot:
//
//     column        0    1  ...    7    8    9  ...   15   16
//     row 0         0    1         7    8    9        15   unused    lane 0 writes it
//     row 1        17   18        24   25   26        32   unused    lane 1 writes it
//      ...
//     row 7       119  120       126  127  128       134   unused    lane 7 writes it
//     lane that
//     reads it      0    1         7    0    1         7
//
// A frame uses its slot up to three times, with a __syncwarp() between any two uses:
//
//     use         lane t writes           lane t reads               when
//     load        samples t, t + T, ...   pairs t, t + T, ...        it cannot be read in pairs
//     transform   row t                   columns t, t + T, ... < E  always
//     output      bins k and M - k        bins t, t + T, ...         the output is IN_SHARED
//
// Memory: loads of x, windows, twiddles and roots, and stores of bins, are at consecutive addresses
// of neighbouring lanes. The tables, 10 bytes a sample (20 KiB of N = 2048), stay in the L1; they
// are not __restrict__, or the compiler would keep them in registers from frame to frame and spill.
// The exchange has rows of E + 1 points of 8 bytes. Such accesses are served by half warps: 16
// lanes write at a stride of 2 (E + 1) words, which is 2 mod 32, and read at a stride of 2, so each
// meets all 32 banks once. Of the two frames of a half warp of N = 256, the slots lie 16 banks
// apart. No warp waits for another, but where frames are turned: see TurnedBands.
//
// What an H100 is predicted to take, from machine code and counted traffic, is in
// asv_benchmarks/gpu/prediction.md: 90 to 100 % of what the bytes alone would allow. None of this
// is measured.

#include "bins.cuh"
#include "dft.cuh"
#include "frames.cuh"

namespace kapre {

// Transform the points v[q] = z[t + qT] to v[j T + c] = Z[b + cE], b = t + jT.
template <class S>
__device__ __forceinline__ void transform(float2* v, float2* slot, const float2* twiddles, int t) {
    Dft<S::E>::run(v);
    __syncwarp();  // the slot's last use is over
#pragma unroll
    for (int q = 0; q < S::E; ++q) slot[t * S::ROW + q] = v[q];
    __syncwarp();
#pragma unroll
    for (int j = 0; j < S::COLUMNS; ++j) {
        float2* u = v + j * S::T;
        const int b = t + j * S::T;
#pragma unroll
        for (int i = 0; i < S::T; ++i) u[i] = slot[i * S::ROW + b];
#pragma unroll
        for (int i = 1; i < S::T; ++i) u[i] = u[i] * twiddles[i * S::E + b];  // exp(-2 pi i b / M)
        Dft<S::T>::run(u);
    }
}

// Make bins k and M - k of the real spectrum of each Z[k] and Z[M - k], and hand them to `output`.
// The table of windows is halved, which is exact, and spares the two halvings here.
template <class S, class Output>
__device__ __forceinline__ void split(const float2* v, const float2* roots, int t,
                                      Output& output) {
    const int lane = threadIdx.x & 31;
    const int partner = (lane & ~(S::T - 1)) | ((S::T - t) & (S::T - 1));
#pragma unroll
    for (int j = 0; j < S::COLUMNS; ++j)
#pragma unroll
        for (int c = 0; c < S::T / 2; ++c) {
            // Where the partner keeps Z[M - k]; column 0 is its own mirror image in lane 0.
            const int mirrored = (S::COLUMNS - 1 - j) * S::T + S::T - 1 - c;
            const int of_lane_0 =
                (S::COLUMNS - j) % S::COLUMNS * S::T + (j == 0 ? (S::T - c) % S::T : S::T - 1 - c);
            const float2 wanted = t ? v[mirrored] : v[of_lane_0];
            float2 b;
            b.x = __shfl_sync(0xffffffffu, wanted.x, partner);
            b.y = __shfl_sync(0xffffffffu, wanted.y, partner);
            const float2 a = v[j * S::T + c];
            const int k = t + j * S::T + c * S::E;
            const float2 even = make_float2(a.x + b.x, a.y - b.y);
            const float2 odd = make_float2(a.y + b.y, b.x - a.x) * roots[k];  // exp(-2 pi i k / N)
            const float2 low = even + odd, high = even - odd;
            output.put(k, low);
            output.put(S::M - k, make_float2(high.x, -high.y));
        }
    if (t == 0) {
        const float2 a = v[S::T / 2];
        output.put(S::M / 2, make_float2(2.0f * a.x, -2.0f * a.y));
    }
}

// Return what to scale a frame by: 1, nearly always. A frame whose largest square is out of bounds
// is done again with another scale. Each frame of a warp decides alone: a NaN beside it must not
// cost a frame its precision. Silence is right as it is, and so are frames that do not exist.
template <class S, class Signal>
__device__ __forceinline__ float range_correction(unsigned largest_square, const Signal& signal,
                                                  i64 start, bool live, int t) {
    typedef Range<float> Limits;
    const unsigned lanes = (0xffffffffu >> (32 - S::T))
                           << (threadIdx.x % 32 / S::T * S::T);  // of the frame
    const unsigned too_large = __ballot_sync(0xffffffffu, largest_square > bits(Limits::MOST));
    const bool small = live && largest_square < bits(Limits::LEAST);
    const unsigned too_small = __ballot_sync(0xffffffffu, small);
    const bool faint = (too_small & lanes) == lanes;
    unsigned sounding = 0;
    if (__any_sync(0xffffffffu, faint))
        sounding = __ballot_sync(0xffffffffu, faint && has_sound<S>(signal, start, live, t));
    if (too_large & lanes) return Limits::DOWN;
    return sounding & lanes ? Limits::UP : 1;
}

// x         signals (batch, channel, time), float or Half
// windows   M pairs of half the window, zeros behind it
// tables    (T, E) of exp(-2 pi i r c / M); from TWIDDLES on, exp(-2 pi i k / N) for k < M / 2
// filterbank  if the result is bands, of each its first bin and how many it has; then a gain and an
//           offset for each value, if each has its own; then the weights of bands, (bin of the
//           band, band), so that neighbouring lanes read neighbours
// out       (batch, channel, frame, bin or band), of the output's Word
// peaks     one for channels_of_peak channels; 0 before the launch, and behind it if the range is
//           applied here; not touched unless the task asks for peaks
// Policy    of samples, in frames.cuh
// grid      blocks_of_channel blocks for each channel of each item; each makes `rounds` times FRAMES
//           neighbouring frames
template <class Output, class Policy, class Sample = float>
__global__ void __launch_bounds__(Output::Shape::THREADS,
                                  Output::Shape::BLOCKS + Output::BLOCKS_MORE - Policy::SHAPES)
    stft(const Sample* __restrict__ x, const float2* windows, const float2* tables,
         const int2* __restrict__ filterbank, typename Output::Word* __restrict__ out,
         Peak<float>* __restrict__ peaks, const __grid_constant__ Task<float> task) {
    typedef typename Output::Shape S;
    __shared__ float2 exchange[S::FRAMES * S::SLOT];
    const int group = threadIdx.x / S::T;
    int t = threadIdx.x % S::T;  // see forgets_often()
    float2* slot = exchange + group * S::SLOT;
    float* words = reinterpret_cast<float*>(slot) + S::first_bank(group);

    const unsigned series = blockIdx.x / task.blocks_of_channel;
    const unsigned block = blockIdx.x % task.blocks_of_channel;
    const i64 item = series / task.n_channels, channel = series % task.n_channels;
    const Signal<float, Policy, Sample> signal = {
        x + item * task.x_batch_stride + channel * task.x_channel_stride +
            task.n_cut * task.x_time_stride,
        task};
    const Settings<float2> settings = {t, group, slot, words, filterbank, task};
    Output output(settings);
    typename Output::Word* rows =
        out + item * task.out_batch_stride + channel * task.out_channel_stride;

    unsigned turn = block * task.rounds;
    const unsigned end = turn + task.rounds;
    int left = task.rounds;
    // Both conditions are the same. Which of them spills nothing was found by trial, too.
    for (; S::N < 1024 ? turn != end : left != 0; ++turn, --left) {
        const i64 index = (i64)turn * S::FRAMES + group;
        output.live = index < task.n_frames;
        // Where frames are turned, all warps of the block meet, also those that have none.
        output.n_left = task.n_frames - (i64)turn * S::FRAMES;
        if (Output::TURNS ? output.n_left <= 0 : !__any_sync(0xffffffffu, output.live)) break;
        if (!S::forgets_often(Output::IN_SHARED)) asm volatile("" : "+r"(t));
        const i64 start = index * task.hop_length - task.n_before;
        float scale = 1.0f;
        for (bool again = false;;) {
            float2 v[S::E];
            if (S::forgets_often(Output::IN_SHARED)) asm volatile("" : "+r"(t));
            load<S>(v, signal, start, output.live, words, t);
            apply_window<S>(v, windows, scale, t);
            transform<S>(v, slot, tables, t);
            output.row = rows + index * task.out_frame_stride;
            output.begin(again ? inverse(scale) : 1);
            split<S>(v, tables + S::TWIDDLES, t, output);
            if (!Output::IN_RANGE || again) break;
            scale = range_correction<S>(output.largest_square, signal, start, output.live, t);
            again = __any_sync(0xffffffffu, scale != 1.0f);
            if (!again) break;
        }
        output.end();
    }
    output.publish(peaks, series, out);
}

}  // namespace kapre
