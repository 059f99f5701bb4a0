message(STATUS "install rules are defined in TapegradInstall.cmake")
