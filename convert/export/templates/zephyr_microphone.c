/* For a board with a digital microphone that Zephyr's DMIC interface knows (node label dmic_dev). */
#include <zephyr/audio/dmic.h>
#include <zephyr/kernel.h>
#include <zephyr/sys/printk.h>

#include "example_detector.h"
#include "example_selftest.h"

#define BLOCK_BYTES (EXAMPLE_HOP_SAMPLES * sizeof(int16_t))

K_MEM_SLAB_DEFINE_STATIC(blocks, BLOCK_BYTES, 4, 4);
static example_detector_t detector;

static int start_microphone(const struct device *microphone)
{
    struct pcm_stream_cfg stream = {
        .pcm_rate = EXAMPLE_SAMPLE_RATE_HZ, .pcm_width = 16, .block_size = BLOCK_BYTES, .mem_slab = &blocks};
    struct dmic_cfg config = {
        .io = {.min_pdm_clk_freq = 1000000, .max_pdm_clk_freq = 3500000, .min_pdm_clk_dc = 40, .max_pdm_clk_dc = 60},
        .streams = &stream,
        .channel = {.req_num_streams = 1, .req_num_chan = 1},
    };

    config.channel.req_chan_map_lo = dmic_build_channel_map(0, 0, PDM_CHAN_LEFT);
    int error = dmic_configure(microphone, &config);
    return error < 0 ? error : dmic_trigger(microphone, DMIC_TRIGGER_START);
}

int main(void)
{
    const struct device *microphone = DEVICE_DT_GET(DT_NODELABEL(dmic_dev));
    stapes_event events[EXAMPLE_EVENTS_MAX];

    printk("self-test: %d\n", (int)stapes_selftest(&detector));
    example_start(&detector);
    if (start_microphone(microphone) < 0) {
        printk("the microphone does not start\n");
        return 0;
    }
    for (;;) {
        void *samples;
        size_t bytes;
        int32_t n;

        if (dmic_read(microphone, 0, &samples, &bytes, 1000) < 0) {
            continue;
        }
        stapes_push(&detector.core, samples, bytes / sizeof(int16_t));
        k_mem_slab_free(&blocks, samples);
        while ((n = stapes_poll(&detector.core, events)) != STAPES_IDLE) {
            for (int32_t i = 0; i < n; i++) {
                printk("%s %s at sample %lld\n", example_labels[events[i].class_index],
                       events[i].kind == STAPES_EVENT_ANNOUNCED ? "begins" : "ended, began",
                       (long long)events[i].onset_sample);
            }
        }
    }
}
