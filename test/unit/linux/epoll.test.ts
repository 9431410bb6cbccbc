import { equal } from "node:assert/strict";
import { test } from "node:test";
import { EIO, O_NOCTTY, O_RDWR, POLLIN, SYS_read } from "#abi";
import { syscall } from "#host";
import { openChanges, takeChange } from "../../../src/linux/epoll.ts";
import { close, open, setNonBlocking, writeAll } from "../../../src/linux/fs.ts";
import { poll } from "../../../src/linux/signals.ts";
import { openPeer } from "../../../src/linux/tty.ts";

test("a terminal that nobody holds is quiet until somebody does again", () => {
  const master = open("/dev/ptmx", O_RDWR | O_NOCTTY);
  setNonBlocking(master);
  const changes = openChanges(master);
  // What is written arrives a moment later.
  const isChanged = (patience = 0) => poll([{ fd: changes, events: POLLIN }], patience).length > 0;
  const read = () => syscall(SYS_read, master, new Uint8Array(16), 16);

  close(openPeer(master));
  equal(isChanged(5000), true);
  equal(read(), -EIO);
  takeChange(changes);
  equal(isChanged(), false);
  // poll(2) alone would not wait: it is hung up.
  equal(poll([{ fd: master, events: POLLIN }], 0).length, 1);

  const peer = openPeer(master);
  writeAll(peer, "again");
  equal(isChanged(5000), true);
  takeChange(changes);
  equal(isChanged(), false);
  equal(read(), 5);
  for (const fd of [peer, changes, master]) close(fd);
});
