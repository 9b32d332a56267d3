// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {ERC1155} from "@openzeppelin/contracts/token/ERC1155/ERC1155.sol";
import {Address} from "@openzeppelin/contracts/utils/Address.sol";
import {ReentrancyGuard} from "@openzeppelin/contracts/utils/ReentrancyGuard.sol";

/// @title Shares of models by contribution
/// @notice A million shares per model. What is distributed for a model belongs to whoever holds its shares at that moment.
contract ModelShares is ERC1155, ReentrancyGuard {
    uint256 public constant SHARES = 1_000_000;
    /// Fractions of a wei that are counted per share.
    uint256 private constant SCALE = 1e18;

    address public immutable registry;
    /// Per token: what one share has earned since the beginning, × SCALE.
    mapping(uint256 token => uint256) private _perShare;
    /// Up to which of that an account's earnings are booked.
    mapping(uint256 token => mapping(address account => uint256)) private _booked;
    mapping(address account => uint256) private _earned;
    mapping(uint256 token => bool) private _isIssued;

    event Distributed(uint256 indexed token, uint256 amount);
    event Claimed(address indexed account, uint256 amount);

    error NotRegistry(address caller);
    error MalformedShares();
    error NoShares(uint256 token);
    error NothingEarned(address account);

    constructor(address registry_) ERC1155("") {
        registry = registry_;
    }

    /// @dev Shares are rounded down; what is left goes to the first contributor with weight.
    function issue(uint256 token, address[] calldata accounts, uint256[] calldata weights) external {
        if (msg.sender != registry) revert NotRegistry(msg.sender);
        if (accounts.length != weights.length) revert MalformedShares();
        uint256 sum;
        for (uint256 k = 0; k < weights.length; k++) sum += weights[k];
        if (sum == 0) revert MalformedShares();
        uint256 left = SHARES;
        uint256 first = type(uint256).max;
        uint256[] memory parts = new uint256[](weights.length);
        for (uint256 k = 0; k < weights.length; k++) {
            parts[k] = (SHARES * weights[k]) / sum;
            left -= parts[k];
            if (first == type(uint256).max && weights[k] != 0) first = k;
        }
        parts[first] += left;
        for (uint256 k = 0; k < accounts.length; k++) {
            if (parts[k] != 0) _update(address(0), accounts[k], _one(token), _one(parts[k]));
        }
    }

    /// @notice Pays all holders of a model's shares. What cannot be divided stays for the next time.
    function distribute(uint256 token) external payable {
        if (!_isIssued[token]) revert NoShares(token);
        _perShare[token] += (msg.value * SCALE) / SHARES;
        emit Distributed(token, msg.value);
    }

    /// @notice Takes what the sender's shares of these models have earned.
    function claim(uint256[] calldata tokens, address payable to) external nonReentrant {
        for (uint256 k = 0; k < tokens.length; k++) _book(tokens[k], msg.sender);
        uint256 amount = _earned[msg.sender] / SCALE;
        if (amount == 0) revert NothingEarned(msg.sender);
        _earned[msg.sender] -= amount * SCALE;
        emit Claimed(msg.sender, amount);
        Address.sendValue(to, amount);
    }

    /// @dev Before shares move, both sides' earnings so far are booked.
    function _update(address from, address to, uint256[] memory ids, uint256[] memory values) internal override {
        for (uint256 k = 0; k < ids.length; k++) {
            if (from == address(0)) _isIssued[ids[k]] = true;
            else _book(ids[k], from);
            if (to != address(0)) _book(ids[k], to);
        }
        super._update(from, to, ids, values);
    }

    function _book(uint256 token, address account) private {
        uint256 now_ = _perShare[token];
        _earned[account] += balanceOf(account, token) * (now_ - _booked[token][account]);
        _booked[token][account] = now_;
    }

    function _one(uint256 value) private pure returns (uint256[] memory list) {
        list = new uint256[](1);
        list[0] = value;
    }
}
