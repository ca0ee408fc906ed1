// What DPF asks of a plug-in; the file's name is DPF's. DEMUCS_ORT_MULTI_OUT is set by CMake: 1 for the variant with
// four stereo outputs, 0 for the one that mixes them.
#pragma once

#if DEMUCS_ORT_MULTI_OUT
#define DISTRHO_PLUGIN_NAME "Demucs Stems Multi-Out"
#define DISTRHO_PLUGIN_URI "https://github.com/demucs-ort/demucs-ort/plugin/multi-out"
#define DISTRHO_PLUGIN_CLAP_ID "org.demucs-ort.stems-multi-out"
#define DISTRHO_PLUGIN_UNIQUE_ID 'S', 't', 'm', 'M'
#define DISTRHO_PLUGIN_NUM_OUTPUTS 8
#else
#define DISTRHO_PLUGIN_NAME "Demucs Stems"
#define DISTRHO_PLUGIN_URI "https://github.com/demucs-ort/demucs-ort/plugin/stems"
#define DISTRHO_PLUGIN_CLAP_ID "org.demucs-ort.stems"
#define DISTRHO_PLUGIN_UNIQUE_ID 'S', 't', 'm', 's'
#define DISTRHO_PLUGIN_NUM_OUTPUTS 2
#endif
#define DISTRHO_PLUGIN_BRAND "demucs-ort"
#define DISTRHO_PLUGIN_NUM_INPUTS 2
#define DISTRHO_PLUGIN_IS_RT_SAFE 1
#define DISTRHO_PLUGIN_WANT_LATENCY 1
#define DISTRHO_PLUGIN_WANT_STATE 1
#define DISTRHO_PLUGIN_WANT_FULL_STATE 1
#define DISTRHO_PLUGIN_CLAP_FEATURES "audio-effect", "utility", "stereo"
#define DISTRHO_PLUGIN_LV2_CATEGORY "lv2:UtilityPlugin"
#define DISTRHO_PLUGIN_VST3_CATEGORIES "Fx|Tools|Stereo"

// The face. DPF leaves it out where there is no Cairo (CMakeLists.txt).
#define DISTRHO_PLUGIN_HAS_UI 1
#define DISTRHO_UI_USE_CAIRO 1
#define DISTRHO_UI_USER_RESIZABLE 1
// In LV2 it may live in another process than the plug-in, so there it knows no more than hosts do.
#ifndef DISTRHO_PLUGIN_TARGET_LV2
#define DISTRHO_PLUGIN_WANT_DIRECT_ACCESS 1
#endif

#ifdef DISTRHO_PLUGIN_TARGET_CLAP
#include "spin_lock.hpp"
#endif
