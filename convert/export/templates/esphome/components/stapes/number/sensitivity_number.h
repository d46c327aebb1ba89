#pragma once

#include "esphome/components/number/number.h"
#include "esphome/components/stapes/stapes.h"
#include "esphome/core/component.h"
#include "esphome/core/preferences.h"

namespace esphome::stapes {

/// The sensitivity of a class, in steps. What was set last holds again after a restart, until the sensitivity in the
/// YAML changes.
class SensitivityNumber : public number::Number, public Component, public Parented<StapesComponent> {
 public:
  explicit SensitivityNumber(uint8_t class_index) : class_index_(class_index) {}
  void setup() override;
  void dump_config() override;

 protected:
  void control(float value) override;

  uint8_t class_index_;
  ESPPreferenceObject preference_;
};

}  // namespace esphome::stapes
