# `cpack -G DEB` in a build directory: the programs, the unit, the documents. Needs quorate and quorated built.
install(TARGETS quorate quorated RUNTIME DESTINATION bin)
install(FILES ${CMAKE_SOURCE_DIR}/packaging/systemd/quorated@.service DESTINATION lib/systemd/system)
install(FILES ${CMAKE_SOURCE_DIR}/packaging/debian/quorated.default DESTINATION /etc/default RENAME quorated)
install(FILES ${CMAKE_SOURCE_DIR}/packaging/grafana/quorate.json DESTINATION share/quorate/grafana)
install(FILES ${CMAKE_SOURCE_DIR}/http/openapi.yaml DESTINATION share/quorate)
file(GLOB documents ${CMAKE_SOURCE_DIR}/docs/*.md)
install(FILES ${documents} ${CMAKE_SOURCE_DIR}/README.md ${CMAKE_SOURCE_DIR}/CHANGELOG.md DESTINATION share/doc/quorate)
install(FILES ${CMAKE_SOURCE_DIR}/LICENSE DESTINATION share/doc/quorate RENAME copyright)

set(CMAKE_SKIP_INSTALL_ALL_DEPENDENCY ON)  # the two programs are enough
set(CPACK_GENERATOR DEB)
set(CPACK_PACKAGE_NAME quorate)
set(CPACK_PACKAGE_CONTACT "The Quorate authors <quorate@localhost>")
set(CPACK_PACKAGE_DESCRIPTION_SUMMARY "threshold key management and signing service")
set(CPACK_PACKAGING_INSTALL_PREFIX /usr)
set(CPACK_STRIP_FILES ON)
set(CPACK_INSTALL_DEFAULT_DIRECTORY_PERMISSIONS
    OWNER_READ OWNER_WRITE OWNER_EXECUTE GROUP_READ GROUP_EXECUTE WORLD_READ WORLD_EXECUTE)
set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_PACKAGE_SECTION net)
set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS ON)
set(CPACK_DEBIAN_PACKAGE_DEPENDS "passwd")
set(CPACK_DEBIAN_PACKAGE_CONTROL_STRICT_PERMISSION ON)
set(CPACK_DEBIAN_PACKAGE_CONTROL_EXTRA
    ${CMAKE_SOURCE_DIR}/packaging/debian/postinst ${CMAKE_SOURCE_DIR}/packaging/debian/prerm
    ${CMAKE_SOURCE_DIR}/packaging/debian/postrm ${CMAKE_SOURCE_DIR}/packaging/debian/conffiles)
include(CPack)
