#pragma once

#include <filesystem>
#include <string>

namespace demucs_ort::plugin {

/// The file that a session names: an absolute path; or a relative one, which is looked for in the plug-in's own folder
/// (where the demo model lies) and then in this user's folder for models; or nothing, which is the demo model. Throws
/// `Error` bad_model if there is no such file.
std::filesystem::path model_file(const std::string& name);

/// How a session should name this file, so that it is found on another machine: relative if it lies in one of those
/// folders, else as it is.
std::string portable_name(const std::string& name);

/// $XDG_DATA_HOME/demucs-ort/models, by default ~/.local/share/demucs-ort/models; empty if there is no home.
std::filesystem::path user_models();

/// The folder that this library was loaded from, where the demo model and ONNX Runtime may lie; empty: unknown.
std::filesystem::path own_folder();

}  // namespace demucs_ort::plugin
