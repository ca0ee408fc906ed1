# Finds ONNX Runtime's C API headers (1.21 or later) and, if there is one, its library.
#
#   onnxruntime::headers       always: enough for builds that load the library at run time
#   onnxruntime::onnxruntime   if a library to link was found (DEMUCS_ORT_LINK_ONNXRUNTIME needs it)
#
# Looked for in this order: a config package, ONNXRUNTIME_ROOT, the system, .deps/onnxruntime (filled from the
# distribution's packages on Debian and Ubuntu), the pinned official release archive.
include(FindPackageHandleStandardArgs)

if(NOT TARGET onnxruntime::onnxruntime AND NOT onnxruntime_INCLUDE_DIR)
  find_package(onnxruntime CONFIG QUIET)
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
  set(_ort_deps "${CMAKE_CURRENT_LIST_DIR}/../.deps/onnxruntime")
  if(UNIX)
    execute_process(COMMAND "${CMAKE_CURRENT_LIST_DIR}/../scripts/get_onnxruntime_headers.sh" "${_ort_deps}"
                    RESULT_VARIABLE _ort_failed ERROR_VARIABLE _ort_reason ERROR_STRIP_TRAILING_WHITESPACE)
  else()
    set(_ort_failed 1)
    set(_ort_reason "no package source for this system")
  endif()
  if(_ort_failed)
    message(STATUS "${_ort_reason}; trying the official release archive")
    # Its headers are the same on every platform. Its library is not used: builds load one at run time.
    set(_ort_name onnxruntime-linux-x64-1.21.0)
    set(_ort_archive "${CMAKE_BINARY_DIR}/${_ort_name}.tgz")
    file(DOWNLOAD "https://github.com/microsoft/onnxruntime/releases/download/v1.21.0/${_ort_name}.tgz" "${_ort_archive}"
         TLS_VERIFY ON INACTIVITY_TIMEOUT 30 STATUS _ort_status)
    list(GET _ort_status 0 _ort_failed)
    if(NOT _ort_failed)
      file(SHA256 "${_ort_archive}" _ort_hash)
      if(NOT _ort_hash STREQUAL 7485c7e7aac6501b27e353dcbe068e45c61ab51fbaf598d13970dfae669d20bf)
        message(FATAL_ERROR "${_ort_archive} has an unexpected sha256 (${_ort_hash}); delete it and try again")
      endif()
      file(ARCHIVE_EXTRACT INPUT "${_ort_archive}" DESTINATION "${CMAKE_BINARY_DIR}" PATTERNS "*/include/*")
      set(_ort_deps "${CMAKE_BINARY_DIR}/${_ort_name}")
    endif()
  endif()
  find_path(onnxruntime_INCLUDE_DIR onnxruntime_cxx_api.h HINTS "${_ort_deps}/include" NO_DEFAULT_PATH)
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
