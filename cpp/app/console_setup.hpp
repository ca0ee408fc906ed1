#pragma once

/// Makes a Windows console show UTF-8 text and obey what moves its cursor; elsewhere terminals do so by themselves.
void set_up_console();
