// The same component as a default export, which a CommonJS package has for .mjs files only
// under another name.
import { Scrollbars } from './node_modules/react-custom-scrollbars-2/lib/index.js';

export default Scrollbars;
