declare module '*.css';
declare module 'virtual:emoji' {
  /** See tools/emoji.ts. */
  const groups: readonly { readonly name: string; readonly lines: string }[];
  export default groups;
}
