# What `cmake --install` puts where: headers, library, CMake package, pkg-config file, notices. The program installs itself.
include(CMakePackageConfigHelpers)

install(TARGETS demucs_ort EXPORT demucs_ortTargets)
install(DIRECTORY cpp/include/ DESTINATION ${CMAKE_INSTALL_INCLUDEDIR} FILES_MATCHING PATTERN "*.h" PATTERN "*.hpp"
        PATTERN files.hpp EXCLUDE PATTERN c_api_files.h EXCLUDE)
install(FILES "${PROJECT_BINARY_DIR}/include/demucs_ort/version.h"
              "${PROJECT_BINARY_DIR}/include/demucs_ort/export.h" DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}/demucs_ort)
install(FILES LICENSE THIRD_PARTY_NOTICES.md DESTINATION ${CMAKE_INSTALL_DOCDIR})

set(package_dir ${CMAKE_INSTALL_LIBDIR}/cmake/demucs_ort)
install(EXPORT demucs_ortTargets NAMESPACE demucs_ort:: DESTINATION ${package_dir})
configure_package_config_file(cmake/demucs_ortConfig.cmake.in demucs_ortConfig.cmake
                              INSTALL_DESTINATION ${package_dir})
write_basic_package_version_file(demucs_ortConfigVersion.cmake COMPATIBILITY SameMinorVersion)
install(FILES "${CMAKE_CURRENT_BINARY_DIR}/demucs_ortConfig.cmake"
              "${CMAKE_CURRENT_BINARY_DIR}/demucs_ortConfigVersion.cmake" DESTINATION ${package_dir})
if(DEMUCS_ORT_LINK_ONNXRUNTIME AND NOT BUILD_SHARED_LIBS)
  # What is linked into a static library the host has to find again.
  install(FILES cmake/Findonnxruntime.cmake DESTINATION ${package_dir})
endif()

# The .pc file finds its own prefix, so that an installed tree can be moved.
file(RELATIVE_PATH pc_prefix "/${CMAKE_INSTALL_LIBDIR}/pkgconfig" "/")
set(pc_cflags "")
set(pc_private_libs "")
set(pc_requires "")
if(NOT BUILD_SHARED_LIBS)
  set(pc_cflags " -DDEMUCS_ORT_STATIC_DEFINE")
  set(pc_private_libs -lstdc++ -lm ${CMAKE_THREAD_LIBS_INIT})
  if(APPLE)
    list(TRANSFORM pc_private_libs REPLACE stdc.. c++)
  endif()
  foreach(library IN LISTS CMAKE_DL_LIBS)
    list(APPEND pc_private_libs -l${library})
  endforeach()
  if(DEMUCS_ORT_SOXR_FOUND)
    set(pc_requires soxr)
  endif()
  if(DEMUCS_ORT_LINK_ONNXRUNTIME)
    list(PREPEND pc_private_libs -lonnxruntime)
  endif()
  list(JOIN pc_private_libs " " pc_private_libs)
endif()
configure_file(cmake/demucs_ort.pc.in demucs_ort.pc @ONLY)
install(FILES "${CMAKE_CURRENT_BINARY_DIR}/demucs_ort.pc" DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig)

# The component `files`, which a host asks for by name.
if(TARGET demucs_ort_files)
  install(TARGETS demucs_ort_files EXPORT demucs_ort_filesTargets)
  install(EXPORT demucs_ort_filesTargets NAMESPACE demucs_ort:: DESTINATION ${package_dir})
  install(FILES cpp/include/demucs_ort/files.hpp cpp/include/demucs_ort/c_api_files.h
                "${PROJECT_BINARY_DIR}/include/demucs_ort/export_files.h"
          DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}/demucs_ort)
  set(pc_ffmpeg "libavformat libavcodec libswresample libavutil >= 57.28")
  if(BUILD_SHARED_LIBS)
    set(pc_requires "demucs_ort\nRequires.private: ${pc_ffmpeg}")
    set(pc_cflags "")
    set(pc_libs "")
  else()
    # Complete without `pkg-config --static`, which would ask for a static FFmpeg and all that is in it.
    set(pc_requires "demucs_ort ${pc_ffmpeg}")
    set(pc_libs " -ldemucs_ort ${pc_private_libs}")
    set(pc_cflags " -DDEMUCS_ORT_FILES_STATIC_DEFINE")
  endif()
  configure_file(cmake/demucs_ort_files.pc.in demucs_ort_files.pc @ONLY)
  install(FILES "${CMAKE_CURRENT_BINARY_DIR}/demucs_ort_files.pc" DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig)
endif()
