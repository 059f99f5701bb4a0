# The package: find_package(tapegrad 0.1) gives tapegrad::tapegrad (all), ::core, ::nn and ::optim, the catalogues
# ::catalogue and ::nn_catalogue, and, where the program is built, ::suite.
include(CMakePackageConfigHelpers)

get_property(libraries GLOBAL PROPERTY TAPEGRAD_PACKAGE_LIBRARIES)
set(package_dir "${CMAKE_INSTALL_LIBDIR}/cmake/tapegrad")

install(TARGETS tapegrad ${libraries} EXPORT tapegrad-targets FILE_SET HEADERS)
install(EXPORT tapegrad-targets NAMESPACE tapegrad:: DESTINATION "${package_dir}")

set(TAPEGRAD_HAS_SUITE OFF)
if(TARGET tapegrad_suite)
  set(TAPEGRAD_HAS_SUITE ON)
endif()
configure_package_config_file("${CMAKE_CURRENT_LIST_DIR}/tapegrad-config.cmake.in" "${PROJECT_BINARY_DIR}/tapegrad-config.cmake"
                              INSTALL_DESTINATION "${package_dir}")
# Before 1.0 a minor version may change the interface.
write_basic_package_version_file("${PROJECT_BINARY_DIR}/tapegrad-config-version.cmake" COMPATIBILITY SameMinorVersion)
install(FILES "${PROJECT_BINARY_DIR}/tapegrad-config.cmake" "${PROJECT_BINARY_DIR}/tapegrad-config-version.cmake"
        DESTINATION "${package_dir}")
