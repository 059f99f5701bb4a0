# What one's own suite has of the command line: selections, the exit status, failures that stop nothing, reports under its own name.
#   cmake -DPROGRAM=program -DSCRATCH=folder -P own_suite.cmake
cmake_minimum_required(VERSION 3.25)
file(REMOVE_RECURSE "${SCRATCH}")
file(MAKE_DIRECTORY "${SCRATCH}")

include("${CMAKE_CURRENT_LIST_DIR}/../run_program.cmake")
set(UNWANTED "tapegrad (ops|check)|tanh")  # nothing of it is tapegrad's

# expect_json(expected text key...): what stands there in the text.
function(expect_json expected text)
  string(JSON value GET "${text}" ${ARGN})
  if(NOT value STREQUAL expected)
    message(FATAL_ERROR "${ARGN} in the report: expected ${expected}, got ${value}")
  endif()
endfunction()

# What can be asked for is what there is.
set(ARGUMENTS --help)
run(0 "Checks derivatives against finite differences" "Usage: own_suite" "Exit status")
set(ARGUMENTS check --help)
run(0 "--check" "--op" "--layer" "--junit" "--dtype.*does not apply to checks")
set(ARGUMENTS ops)
run(0 "own +cube +y = x³;   x̄ = 3 x² ȳ" "own +misshapen.*own +spread" "own +Scale" "check\naxis\ndoubled" "with options")
set(ARGUMENTS ops cube)
run(0 "cube  family own\n" "plain +\\[3, 4\\] +orders 1 and 2" "Check it: own_suite check --op cube")
set(ARGUMENTS ops Scale)
run(0 "Scale  family own\n" "factor +\\[3\\]" "Check it: own_suite check --layer Scale")

# Formulas as LaTeX; checks have none.
set(ARGUMENTS ops --latex)
run(0 "^% Made by own_suite ops --latex" "part{Ops: own}\n\n% cube\n.*% misshapen\n.*part{Layers: own}\n\n% Scale\n")
set(ARGUMENTS ops cube --latex --output cube.tex)
run(0 "^$")
file(READ "${SCRATCH}/cube.tex" document)
if(NOT document MATCHES "y = x.3;.quad .bar{x} = 3 x.2 .bar{y}")
  message(FATAL_ERROR "no formula in\n${document}")
endif()
set(ARGUMENTS ops energy --latex)
run(2 "own_suite: no formula can be written: checks have none")

# Selections.
set(ARGUMENTS check "cu*" energy Scale --order 1 --threads 2 --junit right.xml --json right.json --html right.html)
run(0 "✓ +cube +own +2 " "✓ +Scale" "✓ +energy" "PASS 3 checked")
set(ARGUMENTS check --check "d*")
run(1 "✗ +doubled" "✓ +drawn later" "FAIL 1 of 3 wrong" "analytic = 2 × numeric" "again: own_suite check --check doubled\n")
set(ARGUMENTS check --op "*" --sample far)
run(0 "✓ +cube +own +1 " "PASS 1 checked")
set(ARGUMENTS check enrgy)
run(2 "own_suite: there is no op, layer or check 'enrgy'; did you mean energy\\?")
set(ARGUMENTS check --check cube)
run(2 "there is no check 'cube': say --op cube")
set(ARGUMENTS check --op zzzz)
run(2 "there is no op 'zzzz'; `ops` lists what there is")
set(ARGUMENTS check energy --sample plain)
run(2 "no sample of these has such a name")
set(ARGUMENTS check --check energy --selftest)
run(2 "mistakes are planted into ops and layers")
set(ARGUMENTS check --op cube --selftest --seeds 2)
run(0 "3 % scale" "PASS planted mistakes" "PASS 0 false alarms")

# A rule that throws is an error, and the other ops have mistakes planted all the same.
set(ARGUMENTS check --op "*" --selftest --seeds 2)
run(1 "3 % scale +[1-9]" "FAIL planted mistakes in [0-9.]+ s, 2 errors\n" "PASS 0 false alarms over 2 seeds of 2 ops and layers in "
    "✗ error: misshapen, planted mistakes, sample \"drawn\"\n    threw .*gave a gradient of shape \\[5\\]"
    "again: own_suite check --op misshapen --sample drawn\n")
set(ARGUMENTS check --op misshapen --selftest)
run(1 "FAIL planted mistakes in [0-9.]+ s, 1 error\n$")
# Where it is the mistake that throws, the right rule is looked at on other seeds, and only mistakes show it again.
set(ARGUMENTS check --op spread --selftest --seeds 1)
run(1 "✗ error: spread, a planted rule, sample \"one\"\n    threw .*one output alone\n"
    "again: own_suite check --op spread --sample one --selftest\n" "PASS 0 false alarms over 1 seed of 1 op or layer in ")
set(ARGUMENTS check --op spread --sample one)
run(0)

# --dtype is of samples, and a check is said to be none of them.
set(ARGUMENTS check cube energy doubled --dtype float32)
run(1 "--dtype float32 does not apply to checks: 2 of these were run as they are written"
    "again: own_suite check --check doubled\n")
set(ARGUMENTS check cube --dtype float32)
run(0)
if(out MATCHES "does not apply")
  message(FATAL_ERROR "there is no check among these:\n${out}")
endif()

# What throws is told, and the rest is run.
set(ARGUMENTS check --threads 1 --seed 4 --json all.json --junit all.xml --html all.html)
run(1 "FAIL 4 of 12 wrong" "✓ +with options"
    "✗ op misshapen: gradient, sample \"drawn\"\n    threw .*gave a gradient of shape \\[5\\] for an input of shape \\[2\\]"
    "again: own_suite check --op misshapen --sample drawn --seed 4\n"
    "✗ check axis: differences\n    threw \\[softmax\\] axis 5 is out of range" "again: own_suite check --check axis --seed 4\n"
    "✗ check no exception: differences\n    threw what is no std::exception"
    "again: own_suite check --check 'no exception' --seed 4\n")
file(READ "${SCRATCH}/all.xml" xml)
foreach(regex "<testsuites name=\"own_suite\" tests=\"49\" failures=\"1\" errors=\"4\" skipped=\"0\""
              "<testsuite name=\"check.axis\" tests=\"1\" failures=\"0\" errors=\"1\""
              "classname=\"check.axis\" name=\"differences\" time=\"[0-9.]+\">\n      <error message=\"threw .softmax. axis 5"
              "classname=\"check.doubled\" name=\"differences\" time=\"[0-9.]+\">\n      <failure message=\"gradcheck: wrong"
              "again: own_suite check --check axis --seed 4</error>"
              "<testcase classname=\"check.energy\" name=\"differences\" time=\"[0-9.]+\"/>"
              "classname=\"check.kink\" name=\"differences\" time=\"[0-9.]+\">\n      <system-out>gradcheck: kink")
  if(NOT xml MATCHES "${regex}")
    message(FATAL_ERROR "nothing like ${regex} in\n${xml}")
  endif()
endforeach()
file(READ "${SCRATCH}/all.html" html)
if(NOT html MATCHES "<h1>own_suite check: <span class=\"bad\">4 wrong</span></h1>")
  message(FATAL_ERROR "another heading:\n${html}")
endif()
file(READ "${SCRATCH}/all.json" all)
expect_json(own_suite "${all}" program)
expect_json(OFF "${all}" passed)
expect_json(check "${all}" results 4 kind)
expect_json(axis "${all}" results 4 name)
expect_json(failed "${all}" results 4 checks 0 outcome)
expect_json("own_suite check --check axis --seed 4" "${all}" results 4 checks 0 reproduce)

# What a check draws depends on the seed, and on nothing that ran before it. The op's sample drew, too.
function(expect_point result expected arguments)
  set(ARGUMENTS check ${arguments} --threads 1 --json alone.json)
  run(${result})
  file(READ "${SCRATCH}/alone.json" alone)
  string(JSON value GET "${alone}" results 0 checks 0 gradcheck findings 0 analytic)
  if(NOT value STREQUAL expected)
    message(FATAL_ERROR "own_suite ${arguments}: the derivative at the point that was drawn is ${value}, not ${expected}")
  endif()
endfunction()
string(JSON point GET "${all}" results 7 checks 0 gradcheck findings 0 analytic)
expect_json("drawn later" "${all}" results 7 name)
expect_json("${point}" "${all}" results 6 checks 0 gradcheck findings 0 analytic)
expect_point(0 "${point}" "drawn later;--seed;4")
set(ARGUMENTS check "drawn later" --seed 5 --json other.json)
run(0)
file(READ "${SCRATCH}/other.json" other)
string(JSON value GET "${other}" results 0 checks 0 gradcheck findings 0 analytic)
if(value STREQUAL point)
  message(FATAL_ERROR "another seed draws the same point")
endif()

# --order and --seed reach a check that takes options.
set(ARGUMENTS check "with options" --order 1 --seed 9 --json options.json)
run(0)
file(READ "${SCRATCH}/options.json" options)
expect_json(9 "${options}" results 0 checks 0 gradcheck seed)
string(JSON findings GET "${options}" results 0 checks 0 gradcheck findings)
if(findings MATCHES "\"order\" : 2")
  message(FATAL_ERROR "order 1 was asked for:\n${findings}")
endif()

# What has failed is told beside a report on the standard output, not within it.
execute_process(COMMAND "${PROGRAM}" check doubled --json - RESULT_VARIABLE result OUTPUT_VARIABLE out ERROR_VARIABLE err)
expect_json(doubled "${out}" results 0 name)
if(NOT result STREQUAL 1 OR NOT out MATCHES "^{.*}\n$" OR NOT err MATCHES "✗ check doubled.*analytic = 2 × numeric.*again: own_suite check.*FAIL 1 of 1")
  message(FATAL_ERROR "own_suite check doubled --json -: ended with ${result}\n${out}\n${err}")
endif()
