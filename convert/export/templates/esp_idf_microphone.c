/* Events of an ESP32 with a PDM microphone: clock on GPIO 42, data on GPIO 41 (XIAO ESP32S3 Sense). */
#include <inttypes.h>
#include <stdio.h>

#include "driver/i2s_pdm.h"
#include "freertos/FreeRTOS.h"

#include "example_detector.h"
#include "example_selftest.h"

static example_detector_t detector;

static i2s_chan_handle_t start_microphone(void)
{
    i2s_chan_handle_t microphone;
    i2s_chan_config_t channel = I2S_CHANNEL_DEFAULT_CONFIG(I2S_NUM_0, I2S_ROLE_MASTER);
    i2s_pdm_rx_config_t config = {
        .clk_cfg = I2S_PDM_RX_CLK_DEFAULT_CONFIG(EXAMPLE_SAMPLE_RATE_HZ),
        .slot_cfg = I2S_PDM_RX_SLOT_DEFAULT_CONFIG(I2S_DATA_BIT_WIDTH_16BIT, I2S_SLOT_MODE_MONO),
        .gpio_cfg = {.clk = 42, .din = 41},
    };

    ESP_ERROR_CHECK(i2s_new_channel(&channel, NULL, &microphone));
    ESP_ERROR_CHECK(i2s_channel_init_pdm_rx_mode(microphone, &config));
    ESP_ERROR_CHECK(i2s_channel_enable(microphone));
    return microphone;
}

void app_main(void)
{
    static int16_t samples[EXAMPLE_HOP_SAMPLES];
    stapes_event events[EXAMPLE_EVENTS_MAX];

    printf("self-test: %" PRId32 "\n", stapes_selftest(&detector));
    example_start(&detector);
    i2s_chan_handle_t microphone = start_microphone();
    for (;;) {
        size_t bytes = 0;
        int32_t n;

        if (i2s_channel_read(microphone, samples, sizeof samples, &bytes, portMAX_DELAY) != ESP_OK) {
            continue;
        }
        stapes_push(&detector.core, samples, (uint32_t)(bytes / sizeof samples[0]));
        while ((n = stapes_poll(&detector.core, events)) != STAPES_IDLE) {
            for (int32_t i = 0; i < n; i++) {
                printf("%s %s at sample %" PRId64 "\n", example_labels[events[i].class_index],
                       events[i].kind == STAPES_EVENT_ANNOUNCED ? "begins" : "ended, began", events[i].onset_sample);
            }
        }
    }
}
