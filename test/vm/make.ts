/** Makes the guest's image where it is not there yet: `make vm`. */
import { image } from "./image.ts";

console.log(`vm: ${image().folder}`);
