export const rows = [
  {prompt: 'When is low tide on day 2?', completion: 'At 3 past six, says table 11.'},
  {prompt: 'Which boat leaves from quay 3?', completion: 'The ferry 18, every 4 hours.'},
  {prompt: 'How deep is the water at mark 4?', completion: 'About 5 metres, on chart 25.'},
  {prompt: 'Who lights lamp number 5?', completion: 'Keeper 32 does, after 6.'},
];
