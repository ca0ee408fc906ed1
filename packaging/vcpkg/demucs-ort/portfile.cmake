# An overlay port: builds the library of the source tree that this file lies in, with vcpkg's ONNX Runtime linked.
get_filename_component(SOURCE_PATH "${CMAKE_CURRENT_LIST_DIR}/../../.." ABSOLUTE)

vcpkg_check_features(OUT_FEATURE_OPTIONS features FEATURES resampler DEMUCS_ORT_RESAMPLER)
vcpkg_cmake_configure(
  SOURCE_PATH "${SOURCE_PATH}"
  OPTIONS
    -DDEMUCS_ORT_BUILD_CLI=OFF
    -DDEMUCS_ORT_BUILD_FILES=OFF
    -DDEMUCS_ORT_INSTALL=ON
    -DDEMUCS_ORT_LINK_ONNXRUNTIME=ON
    ${features}
)
vcpkg_cmake_install()
vcpkg_copy_pdbs()
vcpkg_cmake_config_fixup(PACKAGE_NAME demucs_ort CONFIG_PATH lib/cmake/demucs_ort)
vcpkg_fixup_pkgconfig()
file(REMOVE_RECURSE "${CURRENT_PACKAGES_DIR}/debug/include" "${CURRENT_PACKAGES_DIR}/debug/share")
vcpkg_install_copyright(FILE_LIST "${SOURCE_PATH}/LICENSE" "${SOURCE_PATH}/THIRD_PARTY_NOTICES.md")
