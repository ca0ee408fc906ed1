# Finds ONNX Runtime's C API headers (1.21 or later) and, if there is one, its library.
#
#   onnxruntime::headers       always: enough for builds that load the library at run time
#   onnxruntime::onnxruntime   if a library to link was found (DEMUCS_ORT_LINK_ONNXRUNTIME needs it)
#
# Looked for in this order: a target of the including project, a config package, ONNXRUNTIME_ROOT, the system, and then
# FetchOnnxruntimeHeaders.cmake.
include(FindPackageHandleStandardArgs)

if(NOT onnxruntime_INCLUDE_DIR)
  if(NOT TARGET onnxruntime::onnxruntime)
    find_package(onnxruntime CONFIG QUIET)
  endif()
  # Config files of some official archives name folders that do not exist.
  if(TARGET onnxruntime::onnxruntime)
    get_target_property(_ort_dirs onnxruntime::onnxruntime INTERFACE_INCLUDE_DIRECTORIES)
    find_path(onnxruntime_INCLUDE_DIR onnxruntime_cxx_api.h PATHS ${_ort_dirs} PATH_SUFFIXES onnxruntime NO_DEFAULT_PATH)
  endif()
endif()

set(_ort_roots ${ONNXRUNTIME_ROOT} $ENV{ONNXRUNTIME_ROOT})
set(_ort_suffixes include include/onnxruntime include/onnxruntime/core/session)
find_path(onnxruntime_INCLUDE_DIR onnxruntime_cxx_api.h HINTS ${_ort_roots} PATH_SUFFIXES ${_ort_suffixes} onnxruntime)
find_library(onnxruntime_LIBRARY onnxruntime HINTS ${_ort_roots} PATH_SUFFIXES lib)

if(NOT onnxruntime_INCLUDE_DIR)
  include("${CMAKE_CURRENT_LIST_DIR}/FetchOnnxruntimeHeaders.cmake" OPTIONAL)
endif()

if(onnxruntime_INCLUDE_DIR AND EXISTS "${onnxruntime_INCLUDE_DIR}/onnxruntime_c_api.h")
  file(STRINGS "${onnxruntime_INCLUDE_DIR}/onnxruntime_c_api.h" _ort_api REGEX "^#define ORT_API_VERSION [0-9]+")
  string(REGEX MATCH "[0-9]+$" _ort_api "${_ort_api}")
  set(onnxruntime_VERSION "1.${_ort_api}")
endif()

find_package_handle_standard_args(onnxruntime REQUIRED_VARS onnxruntime_INCLUDE_DIR VERSION_VAR onnxruntime_VERSION
  REASON_FAILURE_MESSAGE
  "ONNX Runtime's headers were not found: install libonnxruntime-dev (1.21 or later) or set ONNXRUNTIME_ROOT to an unpacked release archive")

if(onnxruntime_FOUND AND NOT TARGET onnxruntime::headers)
  add_library(onnxruntime::headers INTERFACE IMPORTED)
  set_target_properties(onnxruntime::headers PROPERTIES INTERFACE_INCLUDE_DIRECTORIES "${onnxruntime_INCLUDE_DIR}")
  if(onnxruntime_LIBRARY AND NOT TARGET onnxruntime::onnxruntime)
    add_library(onnxruntime::onnxruntime UNKNOWN IMPORTED)
    set_target_properties(onnxruntime::onnxruntime PROPERTIES IMPORTED_LOCATION "${onnxruntime_LIBRARY}"
                          INTERFACE_INCLUDE_DIRECTORIES "${onnxruntime_INCLUDE_DIR}")
  endif()
endif()
mark_as_advanced(onnxruntime_INCLUDE_DIR onnxruntime_LIBRARY)
