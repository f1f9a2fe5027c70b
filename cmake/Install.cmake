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
