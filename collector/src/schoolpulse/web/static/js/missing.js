// A school that is not there, or not for who asks: only what stands around every page.

import { runFrame } from "./frame.js";

runFrame();
