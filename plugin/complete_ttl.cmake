# Completes what DPF says of an LV2 plug-in in the .ttl files of FOLDER:
#   - the port "wait" is what hosts set while they render (lv2:freeWheeling);
#   - hosts without options, worker threads, event ports or numbers for URIs can have it, too: lv2_adapter.cpp does without.
file(GLOB files "${FOLDER}/*.ttl")
list(FILTER files EXCLUDE REGEX "_ui\\.ttl$")  # the face needs what it requires
set(found 0)
foreach(file IN LISTS files)
  file(READ "${file}" text)
  string(REPLACE "lv2:symbol \"wait\" ;" "lv2:symbol \"wait\" ;\n        lv2:designation lv2:freeWheeling ;" marked "${text}")
  if(NOT marked STREQUAL text)
    math(EXPR found "${found} + 1")
  endif()
  # From what is required to what is welcome.
  string(REPLACE "lv2:requiredFeature opts:options ," "lv2:optionalFeature opts:options ," marked "${marked}")
  string(REPLACE "atom:bufferType atom:Sequence ;"
         "atom:bufferType atom:Sequence ;\n        lv2:portProperty lv2:connectionOptional ;" marked "${marked}")
  file(WRITE "${file}" "${marked}")
endforeach()
if(NOT found EQUAL 1)
  message(FATAL_ERROR "The port \"wait\" is in ${found} files of ${FOLDER} instead of one: does DPF write them differently now?")
endif()
