#pragma once

#include <functional>
#include <string>

#include "interrupt.hpp"

/// Turns what `work` throws into the exit code and the sentence for the user; 0 if it throws nothing.
int exit_code_of(const Interrupt& interrupt, std::string& sentence, const std::function<void()>& work);
