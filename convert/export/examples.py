"""Example programs, one per kind of microphone; every one starts with the self-test."""

from stapes.convert.export.library import Library


def bare_metal(library: Library) -> str:
    """main.c for a board whose DMA fills two half-buffers."""
    name, upper = library.name, library.upper
    return f"""/* A microphone on a DMA with two half-buffers. The board provides the first four functions. */
#include "{name}_detector.h"
#include "{name}_selftest.h"

void microphone_start(int16_t *both_halves, uint32_t samples); /* {upper}_SAMPLE_RATE_HZ, mono, circular */
void wait_for_interrupt(void);                                 /* such as __WFI() */
void report_event(const char *label, int64_t onset_sample, int64_t offset_sample); /* offset -1: it still lasts */
void report_failure(int32_t selftest);

static {name}_detector_t detector;
static int16_t dma_buffer[2 * {upper}_HOP_SAMPLES];

/* The interrupts of the DMA must call these. */
void dma_half_complete(void);
void dma_complete(void);

void dma_half_complete(void)
{{
    stapes_push(&detector.core, dma_buffer, {upper}_HOP_SAMPLES);
}}

void dma_complete(void)
{{
    stapes_push(&detector.core, dma_buffer + {upper}_HOP_SAMPLES, {upper}_HOP_SAMPLES);
}}

int main(void)
{{
    stapes_event events[{upper}_EVENTS_MAX];
    int32_t failure = stapes_selftest(&detector);

    if (failure != STAPES_SELFTEST_OK) {{
        report_failure(failure);
    }}
    {name}_start(&detector);
    microphone_start(dma_buffer, 2 * {upper}_HOP_SAMPLES);
    for (;;) {{
        int32_t n = stapes_poll(&detector.core, events);
        if (n == STAPES_IDLE) {{
            wait_for_interrupt();
        }}
        for (int32_t i = 0; i < n; i++) {{
            report_event({name}_labels[events[i].class_index], events[i].onset_sample, events[i].offset_sample);
        }}
    }}
}}
"""


def desktop(library: Library) -> str:
    """main.c that reads raw samples from stdin."""
    name, upper = library.name, library.upper
    return f"""/* Raw int16 samples from stdin, events to stdout:
 *   sox in.wav -t raw -r {library.folder.frontend.sample_rate_hz} -c 1 -e signed -b 16 - | {name}_listen */
#include <stdio.h>
#include <string.h>

#include "{name}_detector.h"

static {name}_detector_t detector;

enum {{ TAIL = {upper}_TAIL_SAMPLES }};
static int16_t recent[TAIL + {upper}_HOP_SAMPLES]; /* the end of what was read, of which a tail is made */
static uint32_t n_recent;

static void print_events(const stapes_event *events, int32_t n)
{{
    for (int32_t i = 0; i < n; i++) {{
        const stapes_event *event = &events[i];
        if (event->kind == STAPES_EVENT_COMPLETED) {{
            printf("%.3f\\t%.3f\\t%s\\n", (double)event->onset_sample / {upper}_SAMPLE_RATE_HZ,
                   (double)event->offset_sample / {upper}_SAMPLE_RATE_HZ, {name}_labels[event->class_index]);
        }}
    }}
}}

/* At most a hop. */
static void hear(const int16_t *samples, uint32_t n)
{{
    stapes_event events[{upper}_EVENTS_MAX];
    int32_t found;

    stapes_push(&detector.core, samples, n);
    while ((found = stapes_poll(&detector.core, events)) != STAPES_IDLE) {{
        print_events(events, found);
    }}
}}

{_hear_tail(upper)}

int main(void)
{{
    stapes_event events[{upper}_EVENTS_MAX];
    int16_t hop[{upper}_HOP_SAMPLES];
    size_t samples;
    int32_t n;

    if ({name}_start(&detector) != STAPES_FRONTEND_OK) {{
        return 1;
    }}
    while ((samples = fread(hop, sizeof hop[0], {upper}_HOP_SAMPLES, stdin)) > 0) {{
        hear(hop, (uint32_t)samples);
        keep(hop, (uint32_t)samples);
    }}
    hear_tail();
    while ((n = stapes_finish(&detector.core, events)) > 0) {{
        print_events(events, n);
    }}
    return 0;
}}
"""


def _hear_tail(upper: str) -> str:
    """Functions that keep the end of what was read and hear its tail."""
    return f"""static uint32_t at_most(uint32_t n, uint32_t most)
{{
    return n < most ? n : most;
}}

static void keep(const int16_t *samples, uint32_t n)
{{
    uint32_t kept = at_most(n_recent, TAIL);

    memmove(recent, recent + (n_recent - kept), kept * sizeof recent[0]);
    memcpy(recent + kept, samples, n * sizeof recent[0]);
    n_recent = kept + n;
}}

/* A live stream, which does not end, needs none. */
static void hear_tail(void)
{{
    static int16_t tail[TAIL + 1];
    uint32_t n = at_most(n_recent, TAIL);

    if (n == 0) {{
        return;
    }}
    stapes_tail(recent + (n_recent - n), n, {upper}_STEP_SAMPLES, tail, TAIL);
    for (uint32_t at = 0, left = TAIL; left > 0;) {{
        n = at_most(left, {upper}_HOP_SAMPLES);
        hear(tail + at, n);
        at += n;
        left -= n;
    }}
}}"""


def selftest_main(library: Library) -> str:
    """main.c whose exit code is the self-test's answer."""
    name = library.name
    return f"""/* The exit code is what stapes_selftest says: 0, or the first thing that differs. */
#include "{name}_selftest.h"

static {name}_detector_t detector;

int main(void)
{{
    return (int)stapes_selftest(&detector);
}}
"""


def arduino_microphone(library: Library) -> str:
    """A sketch for boards with Arduino's PDM library (Nano 33 BLE Sense, Nano RP2040 Connect, Portenta)."""
    name, upper = library.name, library.upper
    return f"""// Events on the serial port, for boards with a PDM microphone: Nano 33 BLE Sense, Nano RP2040 Connect, …
#include <PDM.h>

#include "{name}_detector.h"
#include "{name}_selftest.h"

static {name}_detector_t detector;

// An interrupt: it copies, and leaves the work to loop().
static void onSamples() {{
  static int16_t samples[{upper}_HOP_SAMPLES];
  for (int bytes = PDM.available(); bytes > 0; bytes = PDM.available()) {{
    int got = PDM.read(samples, bytes < (int)sizeof samples ? bytes : (int)sizeof samples);
    if (got <= 0) {{
      return;
    }}
    stapes_push(&detector.core, samples, (uint32_t)got / sizeof samples[0]);
  }}
}}

void setup() {{
  Serial.begin(115200);
  int32_t failure = stapes_selftest(&detector);
  if (failure != STAPES_SELFTEST_OK) {{
    Serial.print("self-test failed: ");
    Serial.println((long)failure);
  }}
  {name}_start(&detector);
  PDM.onReceive(onSamples);
  if (!PDM.begin(1, {upper}_SAMPLE_RATE_HZ)) {{
    Serial.println("the PDM library does not know this sample rate");
  }}
}}

void loop() {{
  stapes_event events[{upper}_EVENTS_MAX];
  int32_t n = stapes_poll(&detector.core, events);
  for (int32_t i = 0; i < n; i++) {{
    Serial.print({name}_labels[events[i].class_index]);
    Serial.print(events[i].kind == STAPES_EVENT_ANNOUNCED ? " begins at " : " ended, began at ");
    Serial.print((double)events[i].onset_sample / {upper}_SAMPLE_RATE_HZ, 3);
    Serial.println(" s");
  }}
}}
"""


def zephyr_microphone(library: Library) -> str:
    """main.c for Zephyr's DMIC interface."""
    name, upper = library.name, library.upper
    return f"""/* For a board with a digital microphone that Zephyr's DMIC interface knows (node label dmic_dev). */
#include <zephyr/audio/dmic.h>
#include <zephyr/kernel.h>
#include <zephyr/sys/printk.h>

#include "{name}_detector.h"
#include "{name}_selftest.h"

#define BLOCK_BYTES ({upper}_HOP_SAMPLES * sizeof(int16_t))

K_MEM_SLAB_DEFINE_STATIC(blocks, BLOCK_BYTES, 4, 4);
static {name}_detector_t detector;

static int start_microphone(const struct device *microphone)
{{
    struct pcm_stream_cfg stream = {{
        .pcm_rate = {upper}_SAMPLE_RATE_HZ, .pcm_width = 16, .block_size = BLOCK_BYTES, .mem_slab = &blocks}};
    struct dmic_cfg config = {{
        .io = {{.min_pdm_clk_freq = 1000000, .max_pdm_clk_freq = 3500000, .min_pdm_clk_dc = 40, .max_pdm_clk_dc = 60}},
        .streams = &stream,
        .channel = {{.req_num_streams = 1, .req_num_chan = 1}},
    }};

    config.channel.req_chan_map_lo = dmic_build_channel_map(0, 0, PDM_CHAN_LEFT);
    int error = dmic_configure(microphone, &config);
    return error < 0 ? error : dmic_trigger(microphone, DMIC_TRIGGER_START);
}}

int main(void)
{{
    const struct device *microphone = DEVICE_DT_GET(DT_NODELABEL(dmic_dev));
    stapes_event events[{upper}_EVENTS_MAX];

    printk("self-test: %d\\n", (int)stapes_selftest(&detector));
    {name}_start(&detector);
    if (start_microphone(microphone) < 0) {{
        printk("the microphone does not start\\n");
        return 0;
    }}
    for (;;) {{
        void *samples;
        size_t bytes;
        int32_t n;

        if (dmic_read(microphone, 0, &samples, &bytes, 1000) < 0) {{
            continue;
        }}
        stapes_push(&detector.core, samples, bytes / sizeof(int16_t));
        k_mem_slab_free(&blocks, samples);
        while ((n = stapes_poll(&detector.core, events)) != STAPES_IDLE) {{
            for (int32_t i = 0; i < n; i++) {{
                printk("%s %s at sample %lld\\n", {name}_labels[events[i].class_index],
                       events[i].kind == STAPES_EVENT_ANNOUNCED ? "begins" : "ended, began",
                       (long long)events[i].onset_sample);
            }}
        }}
    }}
}}
"""


def esp_idf_microphone(library: Library) -> str:
    """main.c for ESP-IDF's I2S driver in PDM mode."""
    name, upper = library.name, library.upper
    return f"""/* Events of an ESP32 with a PDM microphone: clock on GPIO 42, data on GPIO 41 (XIAO ESP32S3 Sense). */
#include <inttypes.h>
#include <stdio.h>

#include "driver/i2s_pdm.h"
#include "freertos/FreeRTOS.h"

#include "{name}_detector.h"
#include "{name}_selftest.h"

static {name}_detector_t detector;

static i2s_chan_handle_t start_microphone(void)
{{
    i2s_chan_handle_t microphone;
    i2s_chan_config_t channel = I2S_CHANNEL_DEFAULT_CONFIG(I2S_NUM_0, I2S_ROLE_MASTER);
    i2s_pdm_rx_config_t config = {{
        .clk_cfg = I2S_PDM_RX_CLK_DEFAULT_CONFIG({upper}_SAMPLE_RATE_HZ),
        .slot_cfg = I2S_PDM_RX_SLOT_DEFAULT_CONFIG(I2S_DATA_BIT_WIDTH_16BIT, I2S_SLOT_MODE_MONO),
        .gpio_cfg = {{.clk = 42, .din = 41}},
    }};

    ESP_ERROR_CHECK(i2s_new_channel(&channel, NULL, &microphone));
    ESP_ERROR_CHECK(i2s_channel_init_pdm_rx_mode(microphone, &config));
    ESP_ERROR_CHECK(i2s_channel_enable(microphone));
    return microphone;
}}

void app_main(void)
{{
    static int16_t samples[{upper}_HOP_SAMPLES];
    stapes_event events[{upper}_EVENTS_MAX];

    printf("self-test: %" PRId32 "\\n", stapes_selftest(&detector));
    {name}_start(&detector);
    i2s_chan_handle_t microphone = start_microphone();
    for (;;) {{
        size_t bytes = 0;
        int32_t n;

        if (i2s_channel_read(microphone, samples, sizeof samples, &bytes, portMAX_DELAY) != ESP_OK) {{
            continue;
        }}
        stapes_push(&detector.core, samples, (uint32_t)(bytes / sizeof samples[0]));
        while ((n = stapes_poll(&detector.core, events)) != STAPES_IDLE) {{
            for (int32_t i = 0; i < n; i++) {{
                printf("%s %s at sample %" PRId64 "\\n", {name}_labels[events[i].class_index],
                       events[i].kind == STAPES_EVENT_ANNOUNCED ? "begins" : "ended, began", events[i].onset_sample);
            }}
        }}
    }}
}}
"""
