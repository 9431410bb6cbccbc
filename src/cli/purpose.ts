/** What the program is for: the beginning of its help and of its manual page. */
export const PURPOSE = `\
Open Container Initiative runtime

tsrun runs applications packaged according to the Open Container Initiative (OCI) format and is
used like runc. Containers are configured using bundles. A bundle is a directory that includes a
specification file named "config.json" and a root filesystem, which contains the contents of the
container.

To start a new instance of a container:

    # tsrun run [ -b bundle ] <container-id>

"<container-id>" is your name for the instance of the container that you are starting. It must be
unique on your host. The default for "bundle" is the current directory.`;
