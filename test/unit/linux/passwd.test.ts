/** The database of users (passwd(5)). */
import assert from "node:assert/strict";
import { test } from "node:test";
import { userField } from "../../../src/linux/passwd.ts";

const passwd = new TextEncoder().encode(
  "root:x:0:0:root:/root:/bin/sh\nother:x:10:10::/elsewhere:/bin/sh\nalias:x:10:10::/a:/bin/sh\nlast:x:7:7::/l",
);

test("the first line with a uid says who it is", () => {
  assert.equal(userField(passwd, 0, "name"), "root");
  assert.equal(userField(passwd, 10, "name"), "other");
  assert.equal(userField(passwd, 10, "home"), "/elsewhere");
  assert.equal(userField(passwd, 7, "home"), "/l");
  assert.equal(userField(passwd, 1, "name"), undefined);
});

test("a field with a NUL, which no string of C has, is not there", () => {
  assert.equal(userField(new TextEncoder().encode("a:x:5:5::/f\0g:\n"), 5, "home"), undefined);
});

test("a line in another encoding costs only itself", () => {
  const bytes = Uint8Array.of(0xff, ...new TextEncoder().encode(":x:5:5::/f:\nb:x:6:6::/b:\n"));
  assert.equal(userField(bytes, 5, "name"), undefined);
  assert.equal(userField(bytes, 5, "home"), "/f");
  assert.equal(userField(bytes, 6, "name"), "b");
});
