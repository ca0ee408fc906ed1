# Completes what DPF says of an LV2 plug-in in the .ttl files of FOLDER:
#   - the port "wait" is what hosts set while they render (lv2:freeWheeling);
#   - hosts without options and worker threads can have it, too: lv2_adapter.cpp does without.
file(GLOB files "${FOLDER}/*.ttl")
set(found 0)
foreach(file IN LISTS files)
  file(READ "${file}" text)
  string(REPLACE "lv2:symbol \"wait\" ;" "lv2:symbol \"wait\" ;\n        lv2:designation lv2:freeWheeling ;" marked "${text}")
  if(NOT marked STREQUAL text)
    math(EXPR found "${found} + 1")
  endif()
  # From what is required to what is welcome.
  string(REGEX REPLACE
         "lv2:requiredFeature opts:options ,[ \n]+<([^>]+#map)> ,[ \n]+<([^>]+#schedule)> ;"
         "lv2:requiredFeature <\\1> ;\n\n    lv2:optionalFeature opts:options, <\\2> ;" marked "${marked}")
  file(WRITE "${file}" "${marked}")
endforeach()
if(NOT found EQUAL 1)
  message(FATAL_ERROR "The port \"wait\" is in ${found} files of ${FOLDER} instead of one: does DPF write them differently now?")
endif()
