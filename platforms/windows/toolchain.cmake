# Cross-compiles for 64-bit Windows with Debian's mingw-w64, the variant with POSIX threads, which has std::thread.
set(CMAKE_SYSTEM_NAME Windows)
set(CMAKE_SYSTEM_PROCESSOR x86_64)
set(CMAKE_C_COMPILER x86_64-w64-mingw32-gcc-posix)
set(CMAKE_CXX_COMPILER x86_64-w64-mingw32-g++-posix)
set(CMAKE_RC_COMPILER x86_64-w64-mingw32-windres)
set(CMAKE_CROSSCOMPILING_EMULATOR wine)
# The compiler's own libraries come along in the programs, so that they need no folder of it in PATH.
set(CMAKE_EXE_LINKER_FLAGS_INIT -static)
set(CMAKE_SHARED_LINKER_FLAGS_INIT -static)
# DEMUCS_ORT_SYSROOT is where windows.sh puts what is built or unpacked for Windows. Nothing of this machine's own is found.
list(APPEND CMAKE_TRY_COMPILE_PLATFORM_VARIABLES DEMUCS_ORT_SYSROOT)
set(CMAKE_FIND_ROOT_PATH "${DEMUCS_ORT_SYSROOT}")
set(CMAKE_FIND_ROOT_PATH_MODE_PROGRAM NEVER)
set(CMAKE_FIND_ROOT_PATH_MODE_LIBRARY ONLY)
set(CMAKE_FIND_ROOT_PATH_MODE_INCLUDE ONLY)
set(CMAKE_FIND_ROOT_PATH_MODE_PACKAGE ONLY)
