// Nothing but the header that holds everything.
#include <tapegrad/tapegrad.hpp>
