# The program, its manual and its completions, where a distribution expects them.
include(GNUInstallDirs)
install(TARGETS tidemark RUNTIME)
install(FILES man/tidemark.1 DESTINATION ${CMAKE_INSTALL_MANDIR}/man1)

set(completions
  bash share/bash-completion/completions/tidemark
  zsh share/zsh/site-functions/_tidemark
  fish share/fish/vendor_completions.d/tidemark.fish)
while(completions)
  list(POP_FRONT completions shell place)
  set(script ${CMAKE_BINARY_DIR}/completions/${shell})
  add_custom_command(OUTPUT ${script}
    COMMAND ${CMAKE_COMMAND} -E make_directory ${CMAKE_BINARY_DIR}/completions
    COMMAND $<TARGET_FILE:tidemark> completion ${shell} > ${script}
    DEPENDS tidemark VERBATIM)
  list(APPEND scripts ${script})
  get_filename_component(folder ${place} DIRECTORY)
  get_filename_component(name ${place} NAME)
  install(FILES ${script} DESTINATION ${folder} RENAME ${name})
endwhile()
add_custom_target(completions ALL DEPENDS ${scripts})

# The wheel's Arrow is nowhere a loader looks: it goes along.
if(TIDEMARK_BUNDLED_LIBRARIES)
  install(FILES ${TIDEMARK_BUNDLED_LIBRARIES} DESTINATION lib/tidemark)
  set_target_properties(tidemark PROPERTIES
    INSTALL_RPATH "$ORIGIN/../lib/tidemark")
endif()

# The library: find_package(tidemark), then link tidemark::tidemark.
include(CMakePackageConfigHelpers)
install(FILES include/tidemark/tidemark.h DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}/tidemark)
install(FILES ${CMAKE_BINARY_DIR}/libtidemark.a DESTINATION ${CMAKE_INSTALL_LIBDIR})
# In lib/cmake on every system: the file finds the prefix from where it stands.
configure_file(cmake/tidemarkConfig.cmake.in ${CMAKE_BINARY_DIR}/tidemarkConfig.cmake @ONLY)
write_basic_package_version_file(${CMAKE_BINARY_DIR}/tidemarkConfigVersion.cmake
  COMPATIBILITY SameMinorVersion)
install(FILES ${CMAKE_BINARY_DIR}/tidemarkConfig.cmake ${CMAKE_BINARY_DIR}/tidemarkConfigVersion.cmake
  DESTINATION lib/cmake/tidemark)
