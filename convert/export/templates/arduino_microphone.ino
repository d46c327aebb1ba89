// Events on the serial port, for boards with a PDM microphone: Nano 33 BLE Sense, Nano RP2040 Connect, …
#include <PDM.h>

#include "example_detector.h"
#include "example_selftest.h"

static example_detector_t detector;

// An interrupt: it copies, and leaves the work to loop().
static void onSamples() {
  static int16_t samples[EXAMPLE_HOP_SAMPLES];
  for (int bytes = PDM.available(); bytes > 0; bytes = PDM.available()) {
    int got = PDM.read(samples, bytes < (int)sizeof samples ? bytes : (int)sizeof samples);
    if (got <= 0) {
      return;
    }
    stapes_push(&detector.core, samples, (uint32_t)got / sizeof samples[0]);
  }
}

void setup() {
  Serial.begin(115200);
  int32_t failure = stapes_selftest(&detector);
  if (failure != STAPES_SELFTEST_OK) {
    Serial.print("self-test failed: ");
    Serial.println((long)failure);
  }
  example_start(&detector);
  PDM.onReceive(onSamples);
  if (!PDM.begin(1, EXAMPLE_SAMPLE_RATE_HZ)) {
    Serial.println("the PDM library does not support this sample rate");
  }
}

void loop() {
  stapes_event events[EXAMPLE_EVENTS_MAX];
  int32_t n = stapes_poll(&detector.core, events);
  for (int32_t i = 0; i < n; i++) {
    Serial.print(example_labels[events[i].class_index]);
    Serial.print(events[i].kind == STAPES_EVENT_ANNOUNCED ? " begins at " : " ended, began at ");
    Serial.print((double)events[i].onset_sample / EXAMPLE_SAMPLE_RATE_HZ, 3);
    Serial.println(" s");
  }
}
