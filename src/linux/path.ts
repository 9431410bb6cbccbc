/** Paths by their text alone, without asking the kernel. */

/** The names of a path, with `.` and `..` taken out; above the first there is nothing. */
export function pathNames(path: string): string[] {
  const names: string[] = [];
  for (const name of path.split("/")) {
    if (name === "..") names.pop();
    else if (name !== "" && name !== ".") names.push(name);
  }
  return names;
}

/** An absolute path without `.`, `..` and doubled slashes. */
export const cleanPath = (path: string): string => `/${pathNames(path).join("/")}`;
