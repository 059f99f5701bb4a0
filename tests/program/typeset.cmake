# What TeX says of the booklet, of a single document and of one that puts the booklet into another: no error, and no line that runs off the
# page.
#   cmake -DPROGRAM=program -DPDFLATEX=pdflatex -DSCRATCH=folder -P typeset.cmake
cmake_minimum_required(VERSION 3.25)
file(REMOVE_RECURSE "${SCRATCH}")
file(MAKE_DIRECTORY "${SCRATCH}")

include("${CMAKE_CURRENT_LIST_DIR}/../run_program.cmake")

# expect_typeset(name): compiles it twice, the second time with contents.
function(expect_typeset name)
  foreach(pass 1 2)
    execute_process(COMMAND "${PDFLATEX}" -halt-on-error -interaction=nonstopmode "${name}.tex" RESULT_VARIABLE result OUTPUT_VARIABLE out
                    WORKING_DIRECTORY "${SCRATCH}")
    if(NOT result STREQUAL 0)
      string(REGEX MATCH "\n! .*" out "${out}")
      message(FATAL_ERROR "${name}.tex:${out}")
    endif()
  endforeach()
  file(STRINGS "${SCRATCH}/${name}.log" lines REGEX "^Overfull .hbox \\([1-9][0-9]+[.]")
  if(lines)
    message(FATAL_ERROR "${name}.tex: ${lines}")
  endif()
endfunction()

set(ARGUMENTS ops --latex --output booklet.tex)
run(0)
expect_typeset(booklet)
file(WRITE "${SCRATCH}/lecture.tex" [[
\documentclass{article}
\usepackage{amsmath}
\begin{document}
\input{booklet}
After it.
\end{document}
]])
expect_typeset(lecture)
set(ARGUMENTS ops --latex layer_norm --output layer_norm.tex)
run(0)
expect_typeset(layer_norm)
