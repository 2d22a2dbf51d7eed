# Imported targets for everything Quorate links, under one namespace:
#
#   quorate::mbedtls  quorate::sqlcipher     quorate::secp256k1  quorate::sodium     quorate::libcrypto
#   quorate::json     quorate::cli11     quorate::tomlplusplus  quorate::spdlog     quorate::boost
#   quorate::gtest    quorate::gtest_main    quorate::benchmark  (with QUORATE_TEST_DEPENDENCIES)
#
# Libraries built by scripts/deps come first; a system package that is new enough does as well.
# Imported targets make their include directories SYSTEM, so warnings stay about our own code.

include_guard(GLOBAL)

set(QUORATE_DEPS_DIR "$ENV{QUORATE_DEPS_DIR}" CACHE PATH "Where scripts/deps put the libraries")
if(NOT QUORATE_DEPS_DIR)
  get_filename_component(_quorate_deps "${CMAKE_CURRENT_LIST_DIR}/../.deps" ABSOLUTE)
  set_property(CACHE QUORATE_DEPS_DIR PROPERTY VALUE "${_quorate_deps}")
endif()
option(QUORATE_TEST_DEPENDENCIES "Look for GoogleTest and Google Benchmark" ON)
# The compiled library is quicker to build against. ThreadSanitizer needs the headers: it cannot
# see the reference counts that code in an uninstrumented C++ library touches.
option(QUORATE_SPDLOG_HEADER_ONLY "Use spdlog without its compiled library" OFF)

find_package(PkgConfig QUIET)
set(THREADS_PREFER_PTHREAD_FLAG ON)
find_package(Threads REQUIRED)

function(_quorate_missing what)
  message(FATAL_ERROR "${what} not found: run scripts/deps first")
endfunction()

# OUT HEADER LIBRARIES...: whether QUORATE_DEPS_DIR has all these files.
function(_quorate_built out header)
  set(found TRUE)
  foreach(file "include/${header}" ${ARGN})
    if(NOT EXISTS "${QUORATE_DEPS_DIR}/${file}")
      set(found FALSE)
    endif()
  endforeach()
  set(${out} ${found} PARENT_SCOPE)
endfunction()

function(_quorate_static target file)
  add_library(${target} STATIC IMPORTED GLOBAL)
  set_target_properties(${target} PROPERTIES
    IMPORTED_LOCATION "${QUORATE_DEPS_DIR}/lib/${file}"
    IMPORTED_LINK_INTERFACE_LANGUAGES C
    INTERFACE_INCLUDE_DIRECTORIES "${QUORATE_DEPS_DIR}/include")
endfunction()

function(_quorate_interface target)
  add_library(${target} INTERFACE IMPORTED GLOBAL)
  target_link_libraries(${target} INTERFACE ${ARGN})
endfunction()

# A pkg-config module of at least a version, as an imported target; empty when there is none.
function(_quorate_pkg_config out prefix module)
  set(${out} "" PARENT_SCOPE)
  if(PkgConfig_FOUND)
    pkg_check_modules(${prefix} QUIET IMPORTED_TARGET GLOBAL "${module}")
    if(${prefix}_FOUND)
      set(${out} PkgConfig::${prefix} PARENT_SCOPE)
    endif()
  endif()
endfunction()

# ---- mbedTLS ------------------------------------------------------------------------------------

_quorate_built(_built mbedtls/ssl.h lib/libmbedtls.a lib/libmbedx509.a lib/libmbedcrypto.a)
if(_built)
  file(STRINGS "${QUORATE_DEPS_DIR}/include/mbedtls/mbedtls_config.h" _callback
    REGEX "^#define MBEDTLS_X509_TRUSTED_CERTIFICATE_CALLBACK")
  if(NOT _callback)
    _quorate_missing("mbedTLS as scripts/deps configures it now")
  endif()
  _quorate_static(quorate::mbedcrypto libmbedcrypto.a)
  target_link_libraries(quorate::mbedcrypto INTERFACE Threads::Threads quorate::sodium)
  _quorate_static(quorate::mbedx509 libmbedx509.a)
  target_link_libraries(quorate::mbedx509 INTERFACE quorate::mbedcrypto)
  _quorate_static(quorate::mbedtls libmbedtls.a)
  target_link_libraries(quorate::mbedtls INTERFACE quorate::mbedx509)
  set(_from "${QUORATE_DEPS_DIR}")
else()
  # 4 has another API, so the range ends with 3.6.
  find_package(MbedTLS 3.6.6...<3.7 CONFIG QUIET)
  if(NOT MbedTLS_FOUND)
    _quorate_missing("mbedTLS 3.6.6 or newer")
  endif()
  # Without locks inside, a TLS context must not be used from two threads, and ours are.
  include(CheckSourceCompiles)
  set(CMAKE_REQUIRED_LIBRARIES MbedTLS::mbedtls)
  check_source_compiles(CXX "
    #include <mbedtls/build_info.h>
    #if !defined(MBEDTLS_THREADING_PTHREAD) || !defined(MBEDTLS_SSL_PROTO_TLS1_3) || \\
        !defined(MBEDTLS_X509_TRUSTED_CERTIFICATE_CALLBACK)
    #error
    #endif
    int main() { return 0; }" QUORATE_SYSTEM_MBEDTLS_USABLE)
  unset(CMAKE_REQUIRED_LIBRARIES)
  if(NOT QUORATE_SYSTEM_MBEDTLS_USABLE)
    _quorate_missing("mbedTLS with threading, TLS 1.3 and the callback for trusted certificates")
  endif()
  _quorate_interface(quorate::mbedtls MbedTLS::mbedtls MbedTLS::mbedx509 MbedTLS::mbedcrypto Threads::Threads)
  set(_from "the system, ${MbedTLS_VERSION}")
endif()
message(STATUS "mbedTLS: ${_from}")

# ---- OpenSSL's libcrypto: AES, and SHA-2 over long inputs; SQLCipher's, too ------------------------

find_package(OpenSSL 3.0 QUIET COMPONENTS Crypto)
if(NOT TARGET OpenSSL::Crypto)
  _quorate_missing("OpenSSL's libcrypto 3.0 or newer")
endif()
_quorate_interface(quorate::libcrypto OpenSSL::Crypto)

# ---- SQLCipher ----------------------------------------------------------------------------------

_quorate_built(_built sqlcipher/sqlite3.h lib/libsqlcipher.a)
if(_built)
  _quorate_static(quorate::sqlcipher libsqlcipher.a)
  # Found as <sqlite3.h>, ahead of any system SQLite.
  set_target_properties(quorate::sqlcipher PROPERTIES
    INTERFACE_INCLUDE_DIRECTORIES "${QUORATE_DEPS_DIR}/include/sqlcipher")
  target_link_libraries(quorate::sqlcipher INTERFACE quorate::libcrypto Threads::Threads ${CMAKE_DL_LIBS} m)
  set(_from "${QUORATE_DEPS_DIR}")
else()
  # The module carries SQLite's version: 3.46.1 is that of SQLCipher 4.6.1.
  _quorate_pkg_config(_target QUORATE_SQLCIPHER "sqlcipher>=3.46.1")
  if(NOT _target)
    _quorate_missing("SQLCipher 4.6.1 or newer")
  endif()
  _quorate_interface(quorate::sqlcipher ${_target})
  set(_from "the system, ${QUORATE_SQLCIPHER_VERSION}")
endif()
target_compile_definitions(quorate::sqlcipher INTERFACE SQLITE_HAS_CODEC)
message(STATUS "SQLCipher: ${_from}")

# ---- libsecp256k1 -------------------------------------------------------------------------------

_quorate_built(_built secp256k1_recovery.h lib/libsecp256k1.a)
if(_built)
  _quorate_static(quorate::secp256k1 libsecp256k1.a)
  set(_from "${QUORATE_DEPS_DIR}")
else()
  _quorate_pkg_config(_target QUORATE_SECP256K1 "libsecp256k1>=0.5")
  if(NOT _target)
    _quorate_missing("libsecp256k1 0.5 or newer")
  endif()
  _quorate_interface(quorate::secp256k1 ${_target})
  set(_from "the system, ${QUORATE_SECP256K1_VERSION}")
endif()
message(STATUS "libsecp256k1: ${_from}")

# ---- libraries of the distribution --------------------------------------------------------------

_quorate_pkg_config(_target QUORATE_SODIUM "libsodium>=1.0.18")
if(NOT _target)
  _quorate_missing("libsodium 1.0.18 or newer")
endif()
_quorate_interface(quorate::sodium ${_target})

find_package(nlohmann_json 3.11 CONFIG QUIET)
if(NOT nlohmann_json_FOUND)
  _quorate_missing("nlohmann-json 3.11 or newer")
endif()
_quorate_interface(quorate::json nlohmann_json::nlohmann_json)

find_package(CLI11 2 CONFIG QUIET)
if(NOT CLI11_FOUND)
  _quorate_missing("CLI11 2 or newer")
endif()
_quorate_interface(quorate::cli11 CLI11::CLI11)

find_path(QUORATE_TOMLPLUSPLUS_INCLUDE_DIR toml++/toml.h)
if(NOT QUORATE_TOMLPLUSPLUS_INCLUDE_DIR)
  _quorate_missing("toml++")
endif()
_quorate_interface(quorate::tomlplusplus)
target_include_directories(quorate::tomlplusplus INTERFACE "${QUORATE_TOMLPLUSPLUS_INCLUDE_DIR}")

find_package(spdlog 1.10 CONFIG QUIET)
if(NOT spdlog_FOUND)
  _quorate_missing("spdlog 1.10 or newer")
endif()
if(QUORATE_SPDLOG_HEADER_ONLY)
  _quorate_interface(quorate::spdlog spdlog::spdlog_header_only)
else()
  _quorate_interface(quorate::spdlog spdlog::spdlog)
endif()

# Headers only (Multiprecision), so no component and no Boost CMake package is needed.
find_path(QUORATE_BOOST_INCLUDE_DIR boost/multiprecision/cpp_int.hpp)
if(NOT QUORATE_BOOST_INCLUDE_DIR)
  _quorate_missing("Boost.Multiprecision")
endif()
_quorate_interface(quorate::boost)
target_include_directories(quorate::boost INTERFACE "${QUORATE_BOOST_INCLUDE_DIR}")

if(QUORATE_TEST_DEPENDENCIES)
  find_package(GTest 1.12 CONFIG QUIET)
  if(NOT TARGET GTest::gmock)
    _quorate_missing("GoogleTest 1.12 or newer with gmock")
  endif()
  _quorate_interface(quorate::gtest GTest::gmock GTest::gtest)
  _quorate_interface(quorate::gtest_main GTest::gmock_main quorate::gtest)

  find_package(benchmark CONFIG QUIET)
  if(NOT benchmark_FOUND)
    _quorate_missing("Google Benchmark")
  endif()
  _quorate_interface(quorate::benchmark benchmark::benchmark)
endif()
