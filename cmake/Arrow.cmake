# Arrow and Parquet as targets Arrow::arrow and Arrow::parquet: the system's where it has them, else
# those of the pyarrow wheel in TIDEMARK_VENV (which has headers and libraries, but no CMake package).
find_package(Arrow QUIET)
find_package(Parquet QUIET)
if(Arrow_FOUND AND Parquet_FOUND)
  add_library(Arrow::arrow ALIAS Arrow::arrow_shared)
  add_library(Arrow::parquet ALIAS Parquet::parquet_shared)
  return()
endif()

set(TIDEMARK_VENV "${CMAKE_SOURCE_DIR}/build/venv" CACHE PATH "Python environment with pyarrow")
file(GLOB pyarrow_dir "${TIDEMARK_VENV}/lib/python3*/site-packages/pyarrow")
if(NOT pyarrow_dir)
  message(FATAL_ERROR "Arrow C++ was not found: run ./dev build, which installs the pyarrow wheel")
endif()
list(GET pyarrow_dir 0 TIDEMARK_PYARROW_DIR)
foreach(name arrow parquet)
  file(GLOB library "${TIDEMARK_PYARROW_DIR}/lib${name}.so.[0-9]*")
  add_library(Arrow::${name} SHARED IMPORTED)
  set_target_properties(Arrow::${name} PROPERTIES
    IMPORTED_LOCATION "${library}"
    IMPORTED_NO_SONAME FALSE
    INTERFACE_INCLUDE_DIRECTORIES "${TIDEMARK_PYARROW_DIR}/include")
  list(APPEND TIDEMARK_BUNDLED_LIBRARIES "${library}")
endforeach()
set_property(TARGET Arrow::parquet PROPERTY INTERFACE_LINK_LIBRARIES Arrow::arrow)
