# Sets onnxruntime_INCLUDE_DIR to headers that are fetched: into .deps/onnxruntime from the distribution's packages
# (Debian, Ubuntu), else from the pinned official release archive. Included by Findonnxruntime.cmake in a source tree of
# demucs-ort when nothing is installed; the installed package does not fetch.
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
