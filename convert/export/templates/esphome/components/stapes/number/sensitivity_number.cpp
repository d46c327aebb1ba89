#include "sensitivity_number.h"

#include <cmath>

#include "esphome/core/log.h"

namespace esphome::stapes {

static const char *const TAG = "stapes.number";

void SensitivityNumber::setup() {
  const int32_t configured = this->parent_->get_sensitivity(this->class_index_);
  // The value in the YAML is part of the key: a new one is not hidden by what was saved before.
  this->preference_ = this->make_entity_preference<int32_t>(static_cast<uint32_t>(configured));
  int32_t steps;
  if (!this->preference_.load(&steps)) {
    steps = configured;
  }
  this->parent_->set_sensitivity(this->class_index_, steps);
  this->publish_state(static_cast<float>(steps));
}

void SensitivityNumber::control(float value) {
  const int32_t steps = static_cast<int32_t>(lroundf(value));
  this->parent_->set_sensitivity(this->class_index_, steps);
  this->preference_.save(&steps);
  this->publish_state(static_cast<float>(steps));
}

void SensitivityNumber::dump_config() { LOG_NUMBER("", "Sensitivity", this); }

}  // namespace esphome::stapes
