# tapegrad/tapegrad.hpp includes every public header, itself or through nn.hpp and optim.hpp. Left out are the catalogues, which
# are no part of programs that use ops and layers, tapegrad/testing, which belongs in test programs and needs their framework, and
# what stands in a folder "engine", which nn and optim need and their users do not.
# What it includes leaves alone the standard headers that cost every program's compile most.
#   cmake -DSOURCE=<root> -P umbrella.cmake
file(READ "${SOURCE}/include/tapegrad/tapegrad.hpp" included)
foreach(theme nn optim)
  file(READ "${SOURCE}/${theme}/include/tapegrad/${theme}.hpp" more)
  string(APPEND included "${more}")
endforeach()

foreach(library core nn optim)
  file(GLOB_RECURSE headers RELATIVE "${SOURCE}/${library}/include" "${SOURCE}/${library}/include/*.hpp")
  foreach(header ${headers})
    if(header MATCHES "/catalogue/|/catalogue\\.hpp$" OR header MATCHES "^tapegrad/testing/")
      continue()
    endif()
    string(FIND "${included}" "#include \"${header}\"" place)
    if(header MATCHES "/engine/")
      if(NOT place EQUAL -1)
        message(SEND_ERROR "tapegrad/tapegrad.hpp includes ${header}, which its users do not need")
      endif()
    elseif(place EQUAL -1)
      message(SEND_ERROR "tapegrad/tapegrad.hpp does not include ${header}")
    endif()
    file(STRINGS "${SOURCE}/${library}/include/${header}" costly REGEX "^#include <(functional|memory|unordered_map|iostream|ranges|regex)>")
    if(costly)
      message(SEND_ERROR "${header} has ${costly}")
    endif()
  endforeach()
endforeach()
