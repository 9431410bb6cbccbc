#!/bin/sh
# The demonstration: a bundle made from busybox, and a container that shows what it sees.
set -eu

tsrun=build/tsrun
bundle=build/demo
id=tsrun-demo-$$

rm -rf $bundle
mkdir -p $bundle/rootfs/bin $bundle/rootfs/dev $bundle/rootfs/proc $bundle/rootfs/sys
cp /bin/busybox $bundle/rootfs/bin/
for applet in $(/bin/busybox --list); do
  [ "$applet" = busybox ] || ln -s busybox "$bundle/rootfs/bin/$applet"
done
cat >$bundle/rootfs/show <<'END'
#!/bin/sh
for command in hostname id "ps -o pid,user,args" mount; do
  echo
  echo "/ # $command"
  $command
done
END
chmod +x $bundle/rootfs/show

# The default configuration, which is that of runc, but for a program that needs no terminal.
$tsrun spec --bundle $bundle
node -e '
  const [file] = process.argv.slice(1);
  const { readFileSync, writeFileSync } = require("node:fs");
  const config = JSON.parse(readFileSync(file, "utf8"));
  config.hostname = "tsrun-demo";
  Object.assign(config.process, { terminal: false, args: ["/show"] });
  writeFileSync(file, JSON.stringify(config, undefined, 2));
' $bundle/config.json

trap '$tsrun delete --force $id' EXIT
trap 'exit 130' INT TERM
echo "$ $tsrun run --bundle $bundle $id"
$tsrun run --bundle $bundle $id

# What is left is a bundle with a shell in it.
rm $bundle/config.json
$tsrun spec --bundle $bundle
cat <<END

That was a container. For a shell in one (as root):

    $tsrun run --bundle $bundle my-first
END
