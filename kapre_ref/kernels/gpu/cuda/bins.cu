// What becomes of the bins of a frame: complex or magnitudes, decibels, bands. Part of stft.cu.
//
// The T lanes of a warp that share a frame hand over its bins between begin() and end(), in any
// order; begin() may come again for the same frame. Plain results of stride 1 go straight to
// memory, neighbouring lanes to neighbouring addresses. All others meet in shared memory first,
// in the frame's slot of the exchange, and then each lane finishes every T-th of them; so the code
// of a logarithm is there once, not once for each register, and a stride costs one addition.
//
// Banks: bins k of neighbouring lanes are neighbours, in 4-byte words or 8-byte pairs, also when
// they are read again; frames of one warp begin T banks apart. Only the sums of bands read
// elsewhere, for neighbouring bands begin a few bins apart: 128 mel bands of N = 2048 take 2.5
// wavefronts a load, 142 of the 396 of a frame, and less than the issue slots do.

namespace kapre {

// What outputs are told.
struct Settings {
    int t;                 // this lane, of those that share a frame
    float2* slot;          // shared memory, room for the bins of a frame
    float* words;          // the same, at a bank that no other frame of the warp begins in
    i64 stride;            // of bins or bands in the result, elements
    const int2* bands;     // of each band, its first bin and how many it has
    const float* weights;  // (bin of the band, band): neighbouring lanes read neighbours
    int n_bands;
    float amin, zero;  // zero: what 10 log10 gives at 0 dB
};

template <class V>
struct Output {
    typedef V Value;
    static constexpr int BLOCKS_LESS = 0;  // than Shape has, on a multiprocessor, for registers
    const Settings& settings;
    V* row;                   // where the frame goes, if it is live
    bool live;                // whether there is such a frame
    unsigned largest_square;  // its bits, among the bins of this lane

    __device__ __forceinline__ Output(const Settings& settings) : settings(settings) {}
    __device__ __forceinline__ void begin(float) {}
    __device__ __forceinline__ void end() {}
    __device__ __forceinline__ void publish(unsigned*) {}
};

struct Bins : Output<float2> {
    static constexpr bool SQUARES = false;
    __device__ __forceinline__ Bins(const Settings& settings) : Output(settings) {}
    __device__ __forceinline__ void put(int k, float2 bin) {
        if (live) row[k] = bin;
    }
};

template <int N>
struct StridedBins : Output<float2> {
    static constexpr int BLOCKS_LESS = 1;
    static constexpr bool SQUARES = false;
    __device__ __forceinline__ StridedBins(const Settings& settings) : Output(settings) {}
    __device__ __forceinline__ void begin(float) { __syncwarp(); }  // the exchange is over
    __device__ __forceinline__ void put(int k, float2 bin) { settings.slot[k] = bin; }
    __device__ __forceinline__ void end() {
        __syncwarp();  // all bins have been put
        if (live)
            for (int k = settings.t; k <= N / 2; k += Shape<N>::T)
                row[k * settings.stride] = settings.slot[k];
    }
};

struct Magnitudes : Output<float> {
    static constexpr bool SQUARES = true;
    float unscale;
    __device__ __forceinline__ Magnitudes(const Settings& settings) : Output(settings) {}
    __device__ __forceinline__ void begin(float inverse_of_scale) {
        unscale = inverse_of_scale;
        largest_square = 0;
    }
    __device__ __forceinline__ float scaled(float2 bin) {
        const float square = bin.x * bin.x + bin.y * bin.y;
        largest_square = max(largest_square, __float_as_uint(square));
        return sqrtf(square);
    }
    __device__ __forceinline__ void put(int k, float2 bin) {
        const float magnitude = scaled(bin) * unscale;
        if (live) row[k] = magnitude;
    }
};

// Magnitudes that meet in shared memory, and go on in decibels if asked for.
template <int N, bool DECIBEL>
struct StridedMagnitudes : Magnitudes {
    unsigned peak;  // bits of the largest magnitude that this lane made decibels of

    __device__ __forceinline__ StridedMagnitudes(const Settings& settings)
        : Magnitudes(settings), peak(0) {}
    __device__ __forceinline__ void begin(float inverse_of_scale) {
        Magnitudes::begin(inverse_of_scale);
        __syncwarp();  // the exchange is over
    }
    __device__ __forceinline__ void put(int k, float2 bin) { settings.words[k] = scaled(bin); }
    __device__ __forceinline__ void end() {
        __syncwarp();  // all magnitudes have been put
        for (int k = settings.t; k <= N / 2; k += Shape<N>::T) finish(k, settings.words[k]);
    }
    __device__ __forceinline__ void finish(int place, float scaled_value) {
        float value = scaled_value * unscale;
        if (DECIBEL) {
            value = value < settings.amin ? settings.amin : value;  // NaN stays
            peak = max(peak, __float_as_uint(value));
            value = 10.0f * log10f(value) - settings.zero;
        }
        if (live) row[place * settings.stride] = value;
    }
    // Let the item know its peak. The bits of floats that are not negative sort as the floats do;
    // those of NaN come after all numbers, so a NaN wins.
    __device__ __forceinline__ void publish(unsigned* item_peak) {
        if (DECIBEL) {
#pragma unroll
            for (int d = 16; d; d >>= 1) peak = max(peak, __shfl_xor_sync(0xffffffffu, peak, d));
            if (threadIdx.x % 32 == 0) atomicMax(item_peak, peak);
        }
    }
};

// Sums of magnitudes over the few bins where the weights of a band are not zero.
template <int N, bool DECIBEL>
struct Bands : StridedMagnitudes<N, DECIBEL> {
    __device__ __forceinline__ Bands(const Settings& settings)
        : StridedMagnitudes<N, DECIBEL>(settings) {}
    __device__ __forceinline__ void end() {
        const Settings& s = this->settings;
        __syncwarp();  // all magnitudes have been put
        for (int band = s.t; band < s.n_bands; band += Shape<N>::T) {
            const int2 bins = s.bands[band];
            const float* magnitudes = s.words + bins.x;
            const float* weights = s.weights + band;
            float sums[4] = {0.0f, 0.0f, 0.0f, 0.0f};  // chains of additions that do not wait
            int i = 0;
            for (; i + 4 <= bins.y; i += 4)
#pragma unroll
                for (int part = 0; part < 4; ++part) {
                    sums[part] += *weights * magnitudes[i + part];
                    weights += s.n_bands;
                }
            for (; i < bins.y; ++i) {
                sums[0] += *weights * magnitudes[i];
                weights += s.n_bands;
            }
            this->finish(band, (sums[0] + sums[1]) + (sums[2] + sums[3]));
        }
    }
};

}  // namespace kapre
