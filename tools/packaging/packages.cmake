# The Debian packages, made by `tools/package` (cpack -G DEB): one per component of the install rules.
#
#   tarnd        the agent: program, unit, user, configuration      libtarn1     the library that programs load
#   tarn         the command line                                   libtarn-dev  headers, libtarn.a, pkg-config, CMake, libtarn(3)
set(P ${PROJECT_SOURCE_DIR}/tools/packaging)
set(DOC share/doc)

# The day of the newest commit, or $SOURCE_DATE_EPOCH: what is dated is dated so.
set(TARN_EPOCH $ENV{SOURCE_DATE_EPOCH})
if(NOT TARN_EPOCH)
  execute_process(COMMAND git log -1 --format=%ct WORKING_DIRECTORY ${PROJECT_SOURCE_DIR} OUTPUT_VARIABLE TARN_EPOCH
                  OUTPUT_STRIP_TRAILING_WHITESPACE ERROR_QUIET)
endif()
if(NOT TARN_EPOCH)
  set(TARN_EPOCH 1767225600) # no history to ask
endif()
set(ENV{SOURCE_DATE_EPOCH} ${TARN_EPOCH})
string(TIMESTAMP TARN_RELEASE_DATE "%a, %d %b %Y %H:%M:%S +0000" UTC)
string(TIMESTAMP TARN_RELEASE_DAY "%Y-%m-%d" UTC)

# What the agent comes with. Files outside the prefix go where the system looks for them.
if(CMAKE_INSTALL_PREFIX STREQUAL "/usr")
  set(TARN_ETC /etc)
  set(TARN_LIB /lib)
else()
  set(TARN_ETC ${CMAKE_INSTALL_SYSCONFDIR})
  set(TARN_LIB lib)
endif()
install(FILES ${P}/tarnd.service DESTINATION ${TARN_LIB}/systemd/system COMPONENT tarnd OPTIONAL)
install(FILES ${P}/tarn.sysusers DESTINATION lib/sysusers.d RENAME tarn.conf COMPONENT tarnd OPTIONAL)
install(FILES ${P}/tarn.yaml DESTINATION ${TARN_ETC}/tarn COMPONENT tarnd OPTIONAL)
if(EXISTS ${P}/kubernetes)
  install(DIRECTORY ${P}/kubernetes DESTINATION ${DOC}/tarnd COMPONENT tarnd)
endif()

# Manuals and completions, where they can be made.
add_subdirectory(docs/man)
install(FILES tools/completions/tarn.bash DESTINATION share/bash-completion/completions RENAME tarn COMPONENT tarn)
install(FILES tools/completions/_tarn DESTINATION share/zsh/vendor-completions COMPONENT tarn)
install(FILES tools/completions/tarn.fish DESTINATION share/fish/vendor_completions.d COMPONENT tarn)
# The same for tarnd, under the names by which shells look for it.
install(FILES tools/completions/tarn.bash DESTINATION share/bash-completion/completions RENAME tarnd COMPONENT tarnd)
install(FILES tools/completions/_tarn DESTINATION share/zsh/vendor-completions RENAME _tarnd COMPONENT tarnd)
install(FILES tools/completions/tarn.fish DESTINATION share/fish/vendor_completions.d RENAME tarnd.fish COMPONENT tarnd)

# Each package's copyright and changelog, compressed without a time stamp: the same bytes every time.
set(PACKAGE_DOC ${CMAKE_CURRENT_BINARY_DIR}/package-doc)
file(MAKE_DIRECTORY ${PACKAGE_DOC})
configure_file(${P}/changelog.in ${PACKAGE_DOC}/changelog @ONLY)
execute_process(COMMAND gzip -9nkf ${PACKAGE_DOC}/changelog COMMAND_ERROR_IS_FATAL ANY)
foreach(component tarnd tarn libtarn libtarn-dev)
  set(package ${component})
  if(component STREQUAL libtarn)
    set(package libtarn1)
  endif()
  install(FILES ${P}/copyright ${PACKAGE_DOC}/changelog.gz DESTINATION ${DOC}/${package} COMPONENT ${component})
endforeach()
install(DIRECTORY client/examples DESTINATION ${DOC}/libtarn-dev COMPONENT libtarn-dev)

set(CPACK_GENERATOR DEB)
set(CPACK_PACKAGE_NAME tarn)
set(CPACK_PACKAGE_VERSION ${PROJECT_VERSION})
set(CPACK_PACKAGE_CONTACT "the authors of tarn <tarn@localhost>")
set(CPACK_PACKAGE_HOMEPAGE_URL "")
set(CPACK_PACKAGING_INSTALL_PREFIX /usr)
set(CPACK_COMPONENTS_ALL tarnd tarn libtarn libtarn-dev)
set(CPACK_COMPONENTS_GROUPING IGNORE)
set(CPACK_DEB_COMPONENT_INSTALL ON)
set(CPACK_STRIP_FILES ON)
set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS ON)
set(CPACK_DEBIAN_PACKAGE_GENERATE_SHLIBS ON)
set(CPACK_DEBIAN_PACKAGE_PRIORITY optional)
set(CPACK_DEBIAN_PACKAGE_CONTROL_STRICT_PERMISSION ON)

set(CPACK_DEBIAN_TARND_PACKAGE_NAME tarnd)
set(CPACK_DEBIAN_TARND_PACKAGE_SECTION admin)
set(CPACK_DEBIAN_TARND_PACKAGE_DEPENDS "adduser")
set(CPACK_DEBIAN_TARND_PACKAGE_RECOMMENDS "tarn, ca-certificates")
set(CPACK_DEBIAN_TARND_DESCRIPTION "mirror of a Kubernetes cluster in shared memory, the agent
tarnd lists and watches the API server once per host and keeps the objects in
shared memory, where any number of processes read them in nanoseconds, without
an informer, a connection or a copy of their own.")
set(CPACK_DEBIAN_TARND_PACKAGE_CONTROL_EXTRA "${P}/tarnd/postinst;${P}/tarnd/prerm;${P}/tarnd/postrm;${P}/tarnd/conffiles")

set(CPACK_DEBIAN_TARN_PACKAGE_NAME tarn)
set(CPACK_DEBIAN_TARN_PACKAGE_SECTION admin)
set(CPACK_DEBIAN_TARN_DESCRIPTION "mirror of a Kubernetes cluster in shared memory, the command line
tarn shows what the agent of this host mirrors: objects in kubectl's dialect
(get, JSONPath, custom columns, watch), indexes, the agent's state and memory.")
set(CPACK_DEBIAN_TARN_PACKAGE_SUGGESTS "tarnd, bash-completion")

set(CPACK_DEBIAN_LIBTARN_PACKAGE_NAME libtarn1)
set(CPACK_DEBIAN_LIBTARN_PACKAGE_SECTION libs)
set(CPACK_DEBIAN_LIBTARN_PACKAGE_SUGGESTS "tarnd")
set(CPACK_DEBIAN_LIBTARN_DESCRIPTION "mirror of a Kubernetes cluster in shared memory, the library
libtarn attaches to the agent of this host and answers from its shared memory:
get, list, by index, selectors, informers. It starts no thread, prints nothing
and writes nothing.")
set(CPACK_DEBIAN_LIBTARN_PACKAGE_CONTROL_EXTRA "${P}/libtarn1/symbols;${P}/libtarn1/triggers")

set(CPACK_DEBIAN_LIBTARN-DEV_PACKAGE_NAME libtarn-dev)
set(CPACK_DEBIAN_LIBTARN-DEV_PACKAGE_SECTION libdevel)
set(CPACK_DEBIAN_LIBTARN-DEV_PACKAGE_DEPENDS "libtarn1 (= ${PROJECT_VERSION}), libc6-dev")
set(CPACK_DEBIAN_LIBTARN-DEV_DESCRIPTION "mirror of a Kubernetes cluster in shared memory, for development
Headers, the static library, pkg-config and CMake files, examples and manual
pages of libtarn.")
include(CPack)
